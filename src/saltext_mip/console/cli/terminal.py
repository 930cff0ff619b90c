"""Writes results, errors and progress: for a terminal, a pipe, or a program (JSON).

rich writes progress bars at a terminal. It takes longer to import than a screen takes to make, so
the few colours of a screen are written without it.
"""

from __future__ import annotations

import io
import json
import os
import select
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, NoReturn

from saltext_mip import results
from saltext_mip.bridge.progress import paused_by
from saltext_mip.console.screens.render import render
from saltext_mip.console.screens.text import (
    Line,
    Part,
    Screen,
    Style,
    clock,
    first_page,
    marks,
    marks_of,
    spelling,
    wrapped,
)
from saltext_mip.errors import MipError
from saltext_mip.text import shown

if TYPE_CHECKING:
    from rich.console import Console

WIDEST = 120
COLOURS: Mapping[Style, str] = {
    "title": "cyan",
    "bad": "bold red",
    "warn": "yellow",
    "good": "green",
    "plain": "",
}
#: The parameters of the terminal's sequence for each word of those.
SEQUENCES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


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
            plain = results.to_json(command, value)
            out.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
        else:
            self.show(self.screen(command, value), out=out)

    def screen(self, command: str, value: Any) -> Screen:
        """The screen of ``value``, as wide as the terminal."""
        return render(command, value, width=width())

    def show(self, screen: Screen, *, out: IO[str] | None = None) -> None:
        """Write a screen."""
        self._write(screen.lines, out or sys.stdout)

    def show_page(self, screen: Screen) -> None:
        """Write as much of a screen as the terminal can show without scrolling."""
        columns, rows = shutil.get_terminal_size((80, 24))
        self._write(first_page(screen.lines, rows, columns), sys.stdout)

    def line(self, text: str) -> None:
        """Write a line of text, which is escaped already, to standard output."""
        self._write([(Part(text),)], sys.stdout)

    def error(self, text: str) -> None:
        """Write an error to standard error."""
        lines = [shown(line) for line in spelling.get()(text).splitlines() or [""]]
        if _is_terminal(sys.stderr):
            columns = shutil.get_terminal_size((80, 24)).columns
            lines = [part for line in lines for part in wrapped(line, columns)]
        self._write([(Part(line, "bad"),) for line in lines], sys.stderr)

    def _write(self, lines: Iterable[Line], out: IO[str]) -> None:
        begins = self._sequences(out)
        for line in lines:
            out.write("".join(_coloured(part, begins) for part in line) + "\n")
        out.flush()

    @contextmanager
    def progress(self, what: str, *, bar: bool = True) -> Iterator[Callable[[str], None]]:
        """A function that shows how far things are: a bar on a terminal, lines in a pipe."""
        if self.quiet:
            yield lambda _: None
            return
        if not _is_terminal(sys.stderr) or not bar:
            yield _changes(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
            return
        console = self._console(sys.stderr)
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

            @contextmanager
            def pause() -> Iterator[None]:
                progress.stop()
                try:
                    yield
                finally:
                    progress.start()

            with paused_by(pause):
                yield update

    def _sequences(self, out: IO[str]) -> Mapping[Style, str]:
        """What begins each style on that output; without colours only what is bold."""
        env = os.environ
        if not _is_terminal(out) or env.get("TERM", "").lower() in ("dumb", "unknown"):
            return {}
        known = (
            SEQUENCES if self.colour and not env.get("NO_COLOR") else {"bold": SEQUENCES["bold"]}
        )
        found: dict[Style, str] = {}
        for style, words in COLOURS.items():
            if numbers := [known[word] for word in words.split() if word in known]:
                found[style] = f"\x1b[{';'.join(numbers)}m"
        return found

    def _console(self, out: IO[str]) -> Console:
        """rich knows terminals, pipes and NO_COLOR."""
        from rich.console import Console

        return Console(file=out, no_color=not self.colour or None, highlight=False, markup=False)


def _changes(write: Callable[[str], None]) -> Callable[[str], None]:
    """Write each text as a line, unless the last one was the same."""
    last: str | None = None

    def update(text: str) -> None:
        nonlocal last
        if text != last:
            write(f"  {shown(text)}")
        last = text

    return update


def _coloured(part: Part, begins: Mapping[Style, str]) -> str:
    return f"{begins[part.style]}{part.text}\x1b[0m" if part.style in begins else part.text


def _is_terminal(out: IO[str]) -> bool:
    """Whether a terminal is there, as rich finds it: these variables can declare it of a pipe."""
    if (declared := os.environ.get("TTY_COMPATIBLE")) in ("0", "1"):
        return declared == "1"
    return bool(os.environ.get("FORCE_COLOR")) or out.isatty()


@contextmanager
def adapted(*, verbose: bool) -> Iterator[None]:
    """Within the block screens have marks that standard output can show, and on a terminal how
    long ago things were; with ``verbose`` the moments themselves.

    What the encoding of standard output lacks is escaped.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    before_marks = marks.set(marks_of(sys.stdout.encoding, os.environ))
    has_clock = sys.stdout.isatty() and not verbose
    before_clock = clock.set((lambda: datetime.now(UTC)) if has_clock else None)
    try:
        yield
    finally:
        clock.reset(before_clock)
        marks.reset(before_marks)


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
