"""``python -m finevec`` is the command ``finevec``."""

import sys

from finevec.commands import main

if __name__ == "__main__":
    sys.exit(main())
