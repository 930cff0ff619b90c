"""What a person at a terminal sees, what a pipe gets, and what a program gets."""

from __future__ import annotations

import json
import select
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from saltext_mip.console.screens.render import render
from saltext_mip.text import shown

if TYPE_CHECKING:
    from rich.console import Console
from saltext_mip.console.colours import COLOURS

WIDEST = 120


@dataclass(frozen=True)
class Show:
    """``json``: the return itself; ``quiet``: no progress; ``colour``: at a terminal."""

    json: bool = False
    quiet: bool = False
    colour: bool = True

    def value(self, command: str, value: Any, *, out: IO[str] | None = None) -> None:
        """What ``command`` returned, on standard output."""
        out = out or sys.stdout
        if self.json:
            out.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
        else:
            self.screen(self.text(command, value), out=out)

    def text(self, command: str, value: Any) -> str:
        """Its screen; with sequences that colour it."""
        return render(command, value, width=width(), colour=COLOURS)

    def screen(self, text: str, *, out: IO[str] | None = None) -> None:
        """A text of our own, coloured where it can be, plain in a pipe."""
        from rich.text import Text

        console = self.console(out or sys.stdout)
        console.print(Text.from_ansi(text), soft_wrap=True)

    def console(self, out: IO[str]) -> Console:
        """rich's, which knows terminals, pipes and NO_COLOR."""
        from rich.console import Console

        return Console(file=out, no_color=not self.colour or None, highlight=False, markup=False)

    def error(self, text: str) -> None:
        """One error for a person, on standard error."""
        lines = [shown(line) for line in text.splitlines()] or [""]
        red = COLOURS["LIGHT_RED"]
        self.screen("\n".join(f"{red}{line}{COLOURS['ENDC']}" for line in lines), out=sys.stderr)

    @contextmanager
    def progress(self, what: str, *, bar: bool = True) -> Iterator[Any]:
        """A function that is told how far things are; a bar at a terminal, lines in a pipe."""
        if self.quiet:
            yield lambda _: None
            return
        console = self.console(sys.stderr)
        if not console.is_terminal or not bar:
            yield lambda text: print(f"  {shown(text)}", file=sys.stderr, flush=True)  # noqa: T201
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(bar_width=20), TimeElapsedColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(what, total=None)
            yield lambda text: progress.update(task, description=f"{what}: {shown(text)}")


def pause(seconds: float) -> None:
    """Sleep; :class:`BrokenPipeError` as soon as nobody reads standard output any more.

    What only watches would else learn of it when it has something to write, which may be never.
    """
    poller = select.poll()
    poller.register(sys.stdout.fileno(), 0)  # errors are told whatever is asked for
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poller.poll(seconds * 1000)):
        raise BrokenPipeError


def width() -> int:
    columns = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
    return max(60, min(columns, WIDEST))
