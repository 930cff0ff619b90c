"""Writes results, errors and progress: for a terminal, a pipe, or a program (JSON)."""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NoReturn

from saltext_mip.console.colours import COLOURS
from saltext_mip.console.screens.render import render
from saltext_mip.errors import MipError
from saltext_mip.text import shown

if TYPE_CHECKING:
    from rich.console import Console

WIDEST = 120


@dataclass(frozen=True)
class Display:
    """``json``: the return itself; ``quiet``: no progress; ``colour``: colours on a terminal."""

    json: bool = False
    quiet: bool = False
    colour: bool = True

    def value(self, command: str, value: Any, *, out: IO[str] | None = None) -> None:
        """Write what ``command`` returned, by default to standard output."""
        out = out or sys.stdout
        if self.json:
            out.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        else:
            self.print(self.screen(command, value), out=out)

    def screen(self, command: str, value: Any) -> str:
        """The screen of ``value``, with escape sequences for colours."""
        return render(command, value, width=width(), colour=COLOURS)

    def print(self, text: str, *, out: IO[str] | None = None) -> None:
        """Write a screen; without its colours where ``out`` cannot or shall not show them."""
        from rich.text import Text

        console = self._console(out or sys.stdout)
        console.print(Text.from_ansi(text), soft_wrap=True)

    def error(self, text: str) -> None:
        """Write an error to standard error."""
        lines = [shown(line) for line in text.splitlines()] or [""]
        red = COLOURS["LIGHT_RED"]
        self.print("\n".join(f"{red}{line}{COLOURS['ENDC']}" for line in lines), out=sys.stderr)

    @contextmanager
    def progress(self, what: str, *, bar: bool = True) -> Iterator[Callable[[str], None]]:
        """A function that shows how far things are: a bar on a terminal, lines in a pipe."""
        if self.quiet:
            yield lambda _: None
            return
        console = self._console(sys.stderr)
        if not console.is_terminal or not bar:
            yield lambda text: print(f"  {shown(text)}", file=sys.stderr, flush=True)  # noqa: T201
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(bar_width=20), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(
            *columns,
            console=console,
            transient=True,
            redirect_stdout=False,  # a result that is written meanwhile belongs to standard output
        ) as progress:
            task = progress.add_task(what, total=None)

            def update(text: str) -> None:
                progress.update(task, description=f"{what}: {shown(text)}")

            yield update

    def _console(self, out: IO[str]) -> Console:
        """rich knows terminals, pipes and NO_COLOR."""
        from rich.console import Console

        return Console(file=out, no_color=not self.colour or None, highlight=False, markup=False)


def pause(seconds: float) -> None:
    """Sleep; :class:`BrokenPipeError` as soon as standard output has no reader any more.

    A command that only watches would otherwise notice with its next write, which may never come.
    """
    poller = select.poll()
    poller.register(sys.stdout.fileno(), 0)  # errors are reported for any mask
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poller.poll(seconds * 1000)):
        raise BrokenPipeError


def width() -> int:
    columns = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
    return max(60, min(columns, WIDEST))


def exec_program(argv: Sequence[str]) -> NoReturn:
    """Replace this process by that program."""
    sys.stdout.flush()
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606 - a list, no shell
    except FileNotFoundError:
        raise MipError(f"{argv[0]} is not installed here.") from None
