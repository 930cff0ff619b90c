"""Panes in a grid, from top to bottom and then from left to right, as tmux writes layouts."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, sqrt

# a grid looks best a little higher than wide: log lines are long
SHAPE = 4 / 3


def columns(panes: int) -> tuple[int, ...]:
    """How many panes are in each column: as even as can be, the first ones have one more.

    >>> columns(4), columns(5), columns(10)
    ((2, 2), (3, 2), (4, 3, 3))
    """
    rows = max(1, ceil(sqrt(panes * SHAPE) - 1e-9))
    count = ceil(panes / rows)
    each, more = divmod(panes, count)
    return (each + 1,) * more + (each,) * (count - more)


def layout(panes: int, width: int, height: int) -> str:
    """tmux's layout string for ``panes`` in a window of that size, for ``select-layout``."""
    counts = columns(panes)
    edges = _edges(len(counts), width)
    cells = [
        _column(count, right - left - 1, height, left)
        for count, (left, right) in zip(counts, pairwise(edges), strict=True)
    ]
    body = cells[0] if len(cells) == 1 else f"{width}x{height},0,0{{{','.join(cells)}}}"
    return f"{_checksum(body):04x},{body}"


def _column(count: int, width: int, height: int, left: int) -> str:
    edges = _edges(count, height)
    cells = [f"{width}x{bottom - top - 1},{left},{top},0" for top, bottom in pairwise(edges)]
    return cells[0] if count == 1 else f"{width}x{height},{left},0[{','.join(cells)}]"


def _edges(count: int, size: int) -> list[int]:
    """Where ``count`` cells begin, with a line between two; the end as if one more began there."""
    return [round(nth * (size + 1) / count) for nth in range(count + 1)]


def _checksum(text: str) -> int:
    """tmux's own."""
    found = 0
    for char in text:
        found = (found >> 1) + ((found & 1) << 15)
        found = (found + ord(char)) & 0xFFFF
    return found
