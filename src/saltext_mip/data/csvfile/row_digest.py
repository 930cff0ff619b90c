"""A digest of a file's rows, whatever their order, its columns' order and how they are quoted.

Two files of equal columns and digests hold the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saltext_mip.data.csvfile.blocks import blocks
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Where

if TYPE_CHECKING:
    import polars as pl

_HALF = 32  # bits: sums of halves do not overflow
_MASK = (1 << _HALF) - 1
_FEW = 500  # rows for which polars takes longer to begin than Python to add


@dataclass(frozen=True)
class RowDigest:
    """``sums`` are of two hashes of each row, in halves."""

    rows: int
    sums: tuple[int, ...]


def row_digest(path: Where, header: Sequence[str], columns: Sequence[str]) -> RowDigest:
    """That of these columns of a sound file. ``OSError``, ``PolarsError``."""
    rows, sums = 0, [0, 0, 0, 0]
    for hashes in _hashes(path, header, columns, seeds=(0, 1)):
        rows += hashes[0].len()
        sums = [old + new for old, new in zip(sums, _halves(hashes), strict=True)]
    return RowDigest(rows, tuple(sums))


def row_hashes(path: Where, header: Sequence[str]) -> Iterator[pl.Series]:
    """A hash of each row of a sound file, block by block. ``OSError``, ``PolarsError``."""
    for (hashes,) in _hashes(path, header, header, seeds=(0,)):
        yield hashes


def _hashes(
    path: Where, header: Sequence[str], columns: Sequence[str], seeds: Sequence[int]
) -> Iterator[list[pl.Series]]:
    names = {column: f"c{index}" for index, column in enumerate(header)}  # no pattern of names
    order = [names[column] for column in sorted(columns)]
    with beneath.opened(path) as file:
        for block in blocks(file, tuple(names.values())):
            frame = block.texts(*order)
            yield [frame.hash_rows(seed=seed) for seed in seeds]


def _halves(hashes: Sequence[pl.Series]) -> list[int]:
    if hashes[0].len() < _FEW:
        few = [of.to_list() for of in hashes]
        return [
            sum(half) for of in few for half in ([h & _MASK for h in of], [h >> _HALF for h in of])
        ]
    return [int((part).sum()) for of in hashes for part in (of & _MASK, of // (1 << _HALF))]
