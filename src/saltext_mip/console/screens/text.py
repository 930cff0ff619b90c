"""Lines of text for a terminal: wrapped to its width, harmless, each part with a style.

Everything that is put on a :class:`Screen` may come from a minion, so each text is escaped here, in
one place, and cannot steer the terminal, forge a line or reorder one. Which colour a style has is
known where the screen is written: in the command ``mip``, and by Salt's theme in its outputter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from saltext_mip.text import duration, shown, when

Style = Literal["title", "bad", "warn", "good", "plain"]

GAP = 2
WIDE = 100  # cells of a terminal that has room for a table of many columns
NOW = 5  # up to which age a moment is "just now"
RECENT = 14 * 86_400.0  # seconds for which a moment is shown as how long ago it was
#: What a style looks like without colours, and where the terminal does not show UTF-8.
MARKS: Mapping[Style, str] = {"bad": "✖", "warn": "!", "good": "✔", "plain": "·", "title": " "}
ASCII_MARKS: Mapping[Style, str] = {
    "bad": "x",
    "warn": "!",
    "good": "*",
    "plain": ".",
    "title": " ",
}


class Part(NamedTuple):
    """A part of a line, in one style."""

    text: str
    style: Style = "plain"


Line = tuple[Part, ...]

#: How texts name commands where they are shown: as they are written, unless the caller sets it.
spelling: ContextVar[Callable[[str], str]] = ContextVar("spelling", default=str)
#: The marks of a terminal; those of ASCII where it shows no others.
marks: ContextVar[Mapping[Style, str]] = ContextVar("marks", default=MARKS)
#: The present moment, where moments are shown as how long ago they were; else as they are.
clock: ContextVar[Callable[[], datetime] | None] = ContextVar("clock", default=None)

#: Whether a plan has its details: with ``-v``; none where no such option is.
details: ContextVar[bool | None] = ContextVar("details", default=None)


@contextmanager
def spelled(spell: Callable[[str], str]) -> Iterator[None]:
    """Within the block all screens name commands as ``spell`` does."""
    token = spelling.set(spell)
    try:
        yield
    finally:
        spelling.reset(token)


@contextmanager
def detailed(*, whole: bool) -> Iterator[None]:
    """Within the block plans are shown with their details, or without."""
    token = details.set(whole)
    try:
        yield
    finally:
        details.reset(token)


class Screen:
    """Text of ``width`` cells a line.

    A word longer than a line is not broken: a path stays one that can be copied.
    """

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self._lines: list[Line] = []

    @property
    def wide(self) -> bool:
        """Whether there is room for a table of many columns."""
        return self.width >= WIDE

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, without a gap at the end."""
        gap = bool(self._lines) and not self._lines[-1]
        return tuple(self._lines[:-1] if gap else self._lines)

    def __str__(self) -> str:
        return "\n".join("".join(part.text for part in line) for line in self.lines)

    def gap(self) -> None:
        """An empty line between two things, never two."""
        if self._lines and self._lines[-1]:
            self._lines.append(())

    def title(
        self, text: str, note: str = "", *, style: Style = "title", marked: bool = False
    ) -> None:
        """A heading, with a note at its right where there is room, else below."""
        text, note = (f"{mark(style)} " if marked else "") + _shown(text), _shown(note)
        room = self.width - cells(text) - cells(note)
        if note and room < GAP:
            self._add(Part(text, style))
            self.text(note, indent=GAP)
        else:
            self._add(Part(text, style), Part(" " * room + note if note else ""))

    def text(
        self, text: str, *, indent: int = 0, hang: int = 0, first: str = "", style: Style = "plain"
    ) -> None:
        """A paragraph with ``first`` before it; its further lines are ``hang`` further in."""
        after = " " * (indent + hang)
        lines = wrapped(_shown(text), self.width - max(indent + cells(first), len(after)))
        for nth, line in enumerate(lines):
            lead = (Part(after),) if nth else (Part(" " * indent), Part(first, style))
            self._add(*lead, Part(line, style))

    def outcome(self, text: str, *, style: Style) -> None:
        """A paragraph that begins with the mark of its style: how a command ended."""
        self.text(text, first=f"{mark(style)} ", hang=2, style=style)

    def block(self, text: str, *, indent: int = 0) -> None:
        """Lines as they are, such as an example of YAML."""
        for line in text.split("\n") if text else ():
            self._add(Part(" " * indent + shown(line)))

    def table(
        self,
        rows: Sequence[Sequence[str]],
        *,
        header: Sequence[str] = (),
        indent: int = 0,
        styles: Sequence[Style] = (),
        marked: bool = False,
        hints: Sequence[str] = (),
    ) -> None:
        """Columns as wide as their widest cell; the last takes the rest of the line, and wraps.

        It goes below the others where that is too little. ``styles`` has one style a row;
        ``marked``: the mark of its style is before each row. ``hints`` are what to do about each
        row, below it; empty: nothing.
        """
        plain: list[Style] = ["plain"] * len(rows)
        hints = hints or [""] * len(rows)
        styles = styles or plain
        if marked:
            rows = [
                (f"{mark(style)} {first}", *rest)
                for style, (first, *rest) in zip(styles, rows, strict=True)
            ]
            header = (f"  {header[0]}", *header[1:]) if header else ()
        if header and rows:
            rows, styles, hints = [header, *rows], ["title", *styles], ["", *hints]
        safe = [[_shown(cell) for cell in row] for row in rows]
        columns = max((len(row) for row in safe), default=0)
        widths = [max(cells(row[n]) for row in safe if len(row) > n) for n in range(columns)]
        for row, style, hint in zip(safe, styles, hints, strict=True):
            *head, last = row
            lead = " " * indent + "".join(
                cell + " " * (widths[n] - cells(cell) + GAP) for n, cell in enumerate(head)
            )
            after = " " * cells(lead)
            if self.width - cells(lead) < min(cells(last), self.width // 3):
                self._add(Part(lead, style))
                lead = after = " " * (indent + 2 * GAP)
            for nth, line in enumerate(wrapped(last, self.width - cells(lead))):
                before = after if nth else lead
                self._add(Part(before + line, style))
            if hint:
                self.text(hint, indent=indent + 2 * GAP, hang=3, first="-> ")

    def _add(self, *parts: Part) -> None:
        """A line, without blanks at its end."""
        line = list(parts)
        while line and not line[-1].text.rstrip():
            line.pop()
        if line:
            line[-1] = line[-1]._replace(text=line[-1].text.rstrip())
        self._lines.append(tuple(part for part in line if part.text))


def mark(style: Style) -> str:
    """The mark of a style: what it means is seen without colours too."""
    return marks.get()[style]


def marks_of(encoding: str | None, env: Mapping[str, str]) -> Mapping[Style, str]:
    """The marks that a terminal of that encoding and locale shows."""
    return MARKS if shows_utf8(encoding, env) else ASCII_MARKS


def shows_utf8(encoding: str | None, env: Mapping[str, str]) -> bool:
    """Whether a terminal shows more than ASCII: Python writes UTF-8 in the locale C too.

    >>> shows_utf8("utf-8", {"LANG": "C", "LC_CTYPE": "C.UTF-8"})
    False
    """
    chosen = env.get("LC_CTYPE", "")  # Python itself sets C.UTF-8 in the locale C
    chosen = "" if chosen == "C.UTF-8" else chosen
    locale = env.get("LC_ALL") or chosen or env.get("LANG") or ""
    # None: output that is no file, such as one that is kept in memory
    return (encoding or "").lower().replace("-", "") == "utf8" and locale not in ("C", "POSIX")


def moment(iso: str) -> str:
    """``3 min ago``, ``just now``; the moment itself where it is long ago or without a clock."""
    past = _past(iso)
    if past is None:
        return when(iso)
    return f"{duration(past)} ago" if past >= NOW else "just now"


def observed(iso: str) -> str:
    """``observed 23 s ago``; nothing of what is observed now, which has no moment."""
    return f"observed {moment(iso)}" if iso else ""


def since(iso: str) -> str:
    """``for 3 min``, or ``since 2026-03-12 04:05 UTC``."""
    past = _past(iso)
    if past is None:
        return f"since {when(iso)}"
    return f"for {duration(past)}" if past >= NOW else "since just now"


def _past(iso: str) -> int | None:
    """Seconds since a recent moment; ``None`` without a clock, or of any other."""
    now = clock.get()
    try:
        then = datetime.fromisoformat(iso) if now else None
    except ValueError:
        return None
    if now is None or then is None:
        return None
    past = (now() - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()
    return int(past) if 0 <= past < RECENT else None


def _shown(text: str) -> str:
    return shown(spelling.get()(text))


def first_page(lines: Sequence[Line], rows: int, columns: int) -> tuple[Line, ...]:
    """What a terminal of that size can show of these lines without scrolling: all of them, or the
    first ones and how many are left out."""
    heights = [max(1, -(-cells("".join(part.text for part in line)) // columns)) for line in lines]
    if sum(heights) < rows:  # the cursor stands in a row of its own
        return tuple(lines)
    used = shown_lines = 0
    for height in heights:
        if used + height > rows - 2:
            break
        used += height
        shown_lines += 1
    note = f"({len(lines) - shown_lines} more lines; a higher terminal shows them)"
    return (*lines[:shown_lines], (Part(note, "warn"),))


def cells(text: str) -> int:
    """How wide a terminal shows ``text``."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of ``width``, broken at blanks only."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and cells(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def number(count: int, one: str, many: str = "") -> str:
    """``1 error``, ``2 errors``."""
    return f"{count} {one if count == 1 else many or one + 's'}"
