"""The entry point of the command ``mip``: interruptible from its first moment on.

What the command imports takes some time, in which a person may press Ctrl-C too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from saltext_mip.bridge.interrupts import INTERRUPTED, TERMINATED, ended_by_signal, signals_raise


def entry() -> NoReturn:
    """The program: :func:`main`, and its end.

    After a signal that is at once: Python waits for the threads that are left, and Salt leaves some
    where its client was interrupted, which may wait for a response for minutes.
    """
    code = main()
    if code not in (INTERRUPTED, TERMINATED):
        sys.exit(code)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # none where it was closed
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    try:
        with signals_raise() as received:
            return ended_by_signal(lambda: _run(sys.argv[1:] if argv is None else argv), received)
    except KeyboardInterrupt:  # while the block was entered or left
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    from saltext_mip.console.cli import names

    if arguments and arguments[0] == names.WORD:  # a shell asks at each Tab: import no more
        return names.write(arguments[1:])
    from saltext_mip.console.cli import program

    return program.run(arguments)
