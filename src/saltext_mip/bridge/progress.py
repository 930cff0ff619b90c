"""What a runner function reports and asks while it runs.

It reports to its caller in this process, else to standard error. Standard output is for the result
alone, so a question and its answer are on the terminal itself, and never on a line with progress:
who shows progress there pauses it meanwhile (:func:`paused_by`). This module does not import Salt:
the command ``mip`` reads from it before it needs Salt.
"""

from __future__ import annotations

import re
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from saltext_mip.errors import MipError
from saltext_mip.text import shown

Progress = Callable[[str], None]
Ask = Callable[[str], str]
Pause = Callable[[], AbstractContextManager[None]]

TERMINAL = Path("/dev/tty")

# records of Salt's own that tell a person nothing (3008 writes them after each run)
NOISE = re.compile(r"unclosed \w+ .*(call|use) ``|^\s*$")

_receiver: ContextVar[Progress | None] = ContextVar("progress receiver", default=None)
_pause: ContextVar[Pause] = ContextVar("pause of the progress", default=nullcontext)


@contextmanager
def progress_to(receiver: Progress) -> Iterator[None]:
    """Send the progress of runner functions that are called inside the block to ``receiver``."""
    token = _receiver.set(receiver)
    try:
        yield
    finally:
        _receiver.reset(token)


def progress(opts: Mapping[str, Any]) -> Progress:
    """The receiver in use; for ``salt-run`` standard error, in a daemon (its log) nothing."""
    if (receiver := _receiver.get()) is not None:
        return receiver
    if opts.get("__cli") != "salt-run":
        return lambda _: None
    return lambda text: print(f"  {shown(text)}", file=sys.stderr, flush=True)  # noqa: T201


class TerminalClosed(MipError):
    """The terminal was closed before a question was answered: what it asks for was not done."""


@contextmanager
def paused_by(pause: Pause) -> Iterator[None]:
    """Questions that are asked inside the block are asked inside of ``pause()``."""
    token = _pause.set(pause)
    try:
        yield
    finally:
        _pause.reset(token)


def paused() -> AbstractContextManager[None]:
    """A block in which no progress is shown: a question is there."""
    return _pause.get()()


def terminal(opts: Mapping[str, Any]) -> Ask | None:
    """How to ask the operator; ``None`` where a command has no terminal, or is no person's."""
    is_person = opts.get("__cli") == "salt-run" and sys.stdin is not None and sys.stdin.isatty()
    return ask if is_person else None


def ask(prompt: str) -> str:
    """The answer to ``prompt``, without its end of line. :class:`TerminalClosed`."""
    with (
        paused(),
        TERMINAL.open("w", encoding="utf-8") as out,
        TERMINAL.open(encoding="utf-8", errors="surrogateescape") as typed,
    ):
        # what was typed before the question is no answer to it
        termios.tcflush(typed, termios.TCIFLUSH)
        out.write(prompt)
        out.flush()
        answer = typed.readline()
        if not answer:
            out.write("\n")
    if not answer:
        raise TerminalClosed
    return answer.strip()
