"""Lines of text for a terminal: wrapped to its width, harmless, in colours where it has them.

Everything that is put on a :class:`Screen` may come from a minion, so each text is escaped here, in
one place, and cannot steer the terminal, forge a line or reorder one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from saltext_mip.text import shown

if TYPE_CHECKING:
    pass


# what a style is in Salt's names of colours, so that an operator's colour theme holds here too
STYLES = {
    "title": "CYAN",
    "bad": "LIGHT_RED",
    "warn": "YELLOW",
    "good": "GREEN",
    "plain": "ENDC",
}


GAP = 2


class Screen:
    """Text of ``width`` cells a line; ``colour`` maps Salt's names of colours to what makes them.

    A word longer than a line is not broken: a path stays one that can be copied.
    """

    def __init__(self, width: int = 80, colour: Mapping[str, object] | None = None) -> None:
        self.width = width
        self._colour = colour or {}
        self._lines: list[str] = []

    def __str__(self) -> str:
        return "\n".join(self._lines).strip("\n")

    def gap(self) -> None:
        """An empty line between two things, never two."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def title(self, text: str, note: str = "", *, style: str = "title") -> None:
        """A heading, with a note at its right where there is room, else below."""
        text, note = shown(text), shown(note)
        room = self.width - cells(text) - cells(note)
        if note and room < GAP:
            self._lines.append(self._styled(text, style))
            self.text(note, indent=GAP)
        else:
            self._lines.append(self._styled(text, style) + (" " * room + note if note else ""))

    def text(
        self, text: str, *, indent: int = 0, hang: int = 0, first: str = "", style: str = "plain"
    ) -> None:
        """A paragraph with ``first`` before it; its further lines are ``hang`` further in."""
        before = " " * indent + first
        after = " " * (indent + hang)
        lines = wrapped(shown(text), self.width - max(cells(before), len(after)))
        for nth, line in enumerate(lines):
            lead = after if nth else before
            self._lines.append((lead + self._styled(line, style)).rstrip())

    def block(self, text: str, *, indent: int = 0) -> None:
        """Lines as they are, such as an example of YAML."""
        for line in text.split("\n") if text else ():
            self._lines.append((" " * indent + shown(line)).rstrip())

    def table(
        self, rows: Sequence[Sequence[str]], *, indent: int = 0, styles: Sequence[str] = ()
    ) -> None:
        """Columns as wide as their widest cell; the last takes the rest of the line, and wraps.

        It goes below the others where that is too little. ``styles`` has one style a row.
        """
        safe = [[shown(cell) for cell in row] for row in rows]
        columns = max((len(row) for row in safe), default=0)
        widths = [max(cells(row[n]) for row in safe if len(row) > n) for n in range(columns)]
        for row, style in zip(safe, styles or ["plain"] * len(safe), strict=True):
            *head, last = row
            lead = " " * indent + "".join(
                cell + " " * (widths[n] - cells(cell) + GAP) for n, cell in enumerate(head)
            )
            after = " " * cells(lead)
            if self.width - cells(lead) < min(cells(last), self.width // 3):
                self._lines.append(self._styled(lead.rstrip(), style))
                lead = after = " " * (indent + 2 * GAP)
            for nth, line in enumerate(wrapped(last, self.width - cells(lead))):
                before = after if nth else lead
                self._lines.append(self._styled((before + line).rstrip(), style))

    def _styled(self, text: str, style: str) -> str:
        if style == "plain" or not (code := str(self._colour.get(STYLES[style], ""))):
            return text
        return f"{code}{text}{self._colour['ENDC']}"


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
