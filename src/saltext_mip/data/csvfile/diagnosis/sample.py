"""The first rows of a file that is refused for its form, as a block that its values are checked in.

So that one round is enough: rows with too many fields do not hide that a column has decimal commas.
Only rows that are as the header wants them are taken; where all are off by one field at their end
or beginning that means nothing (a comma at the end, row numbers), they are taken without it.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from saltext_mip.data.csvfile.blocks import Block
from saltext_mip.data.csvfile.diagnosis import encodings, layout
from saltext_mip.data.csvfile.diagnosis.ragged import number_rows
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Where

BYTES = 4 << 20  # of the file that are looked at
ROWS = 100_000


@dataclass(frozen=True)
class Sample(Block):
    """A block of rows that are not next to one another: ``at`` are the lines that they are on."""

    at: tuple[int, ...] = ()

    def lines(self, rows: Sequence[int]) -> list[int]:
        return [self.at[row] for row in rows]


def sample(path: Where) -> Sample | None:
    """The rows that can be read; ``None`` where there is none."""
    with beneath.opened(path) as file:
        data = file.read(BYTES)
    whole = len(data) < BYTES
    text = encodings.decode(data, whole=whole).text
    rows = list(itertools.islice(layout.all_rows(text, ","), ROWS + 1))
    if not whole or len(rows) > ROWS:
        rows = rows[:-1]
    if len(rows) < 2:
        return None
    header, body = rows[0][1], rows[1:]
    body = _aligned(header, body)
    # columns without a name that hold nothing are not looked at
    named = [at for at, name in enumerate(header) if name.strip()]
    names = [header[at] for at in named]
    if layout.DATASET not in names or len(set(names)) < len(names):
        return None
    fit = [(line, fields) for line, fields in body if len(fields) == len(header)]
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([fields[at] for at in named] for _, fields in fit)
    if not fit:
        return None
    raw = made.getvalue().encode("utf-8", "replace")
    return Sample(tuple(names), raw, rows[0][0], tuple(line for line, _ in fit))


def _aligned(header: list[str], body: list[layout.Row]) -> list[layout.Row]:
    """The rows without the one field more that each has at its end or beginning."""
    if any(len(fields) != len(header) + 1 for _, fields in body):
        return body
    if not any(fields[-1].strip() for _, fields in body):
        return [(line, fields[:-1]) for line, fields in body]
    if number_rows([fields[0] for _, fields in body]):
        return [(line, fields[1:]) for line, fields in body]
    return []  # where the missing name belongs is not known
