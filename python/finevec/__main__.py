"""``python -m finevec`` is the command ``finevec``."""

from finevec.commands import entry_point

if __name__ == "__main__":
    entry_point()
