"""The command line. One file a command: `add_parser` says what it takes, `run` does it and returns the exit code.

Exit codes: 0 done; 1 the run itself failed (a loss that is not finite); 2 bad input or more than the memory holds; 130
interrupted from the keyboard; 141 whoever read our output went away. Each but the last is told in one line on standard
error.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn


class _Parser(argparse.ArgumentParser):
    """Tells a wrong argument in one line, without the usage. Takes no option by its first letters."""

    def __init__(self, **options: Any) -> None:
        # What is short for one option today may be the name of another tomorrow: --seed of --seeds.
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        _complain(f"{message} (see {self.prog} --help)")
        raise SystemExit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``finevec``.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name. None: those of the process.

    Returns
    -------
    int
        The exit code, as told at the head of this module.
    """
    if sys.stderr is None:  # as it is for a process that starts with it closed; print would take standard output
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
            return _run(argv)
    return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    """Run a command, and turn what it raises into an exit code."""
    try:
        # Imported here, so that an interrupt meanwhile ends like one later.
        from . import convert, demo, inspect, neighbors, plot, predict, reproduce, train, tree

        commands = {
            "train": train,
            "predict": predict,
            "plot": plot,
            "tree": tree,
            "reproduce": reproduce,
            "demo": demo,
            "neighbors": neighbors,
            "inspect": inspect,
            "convert": convert,
        }
        args = _parser(commands).parse_args(argv)
        code: int = commands[args.command].run(args)
        if sys.stdout is not None:  # as it is for a process that starts with it closed
            sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse, after --help or a wrong argument
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt:
        _print_error("interrupted")
        return 130
    except BrokenPipeError:
        # The interpreter flushes standard output once more at exit, which must not fail again.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except FloatingPointError as error:
        _complain(str(error))
        return 1
    except OSError as error:
        _complain(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
        return 2
    except MemoryError as error:
        _complain(f"not enough memory: {error}" if str(error) else "not enough memory")
        return 2
    except (ValueError, KeyError) as error:
        _complain(str(error.args[0] if isinstance(error, KeyError) and error.args else error))
        return 2


def _parser(commands: dict[str, Any]) -> argparse.ArgumentParser:
    from .. import __version__

    parser = _Parser(
        prog="finevec",
        description="Fine-tune pretrained word embeddings on a CPU.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"finevec {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in commands.values():
        command.add_parser(subparsers)
    return parser


def entry_point() -> NoReturn:
    """Run ``finevec`` as the process: what the installed script calls.

    What the encoding of a terminal or pipe lacks is written as escapes: a run never fails for a name it cannot print.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


def _complain(message: str) -> None:
    _print_error(f"error: {' '.join(message.split())}")


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"finevec: {text}", file=sys.stderr)
