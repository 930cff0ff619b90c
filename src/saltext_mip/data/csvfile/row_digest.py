"""A digest of a file's rows, whatever their order, its columns' order and how they are quoted.

Two files of equal digests hold the same rows; of others the sketches tell about how many rows they
share: of all distinct rows the 256 with the smallest hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saltext_mip.data.csvfile.blocks import blocks

if TYPE_CHECKING:
    import polars as pl

SKETCH = 256
_HALF = 32  # bits: sums of halves do not overflow
_MASK = (1 << _HALF) - 1


@dataclass(frozen=True)
class RowDigest:
    """``sums`` are of two hashes of each row, in halves; ``sketch`` the smallest of the first."""

    columns: tuple[str, ...]
    rows: int
    sums: tuple[int, ...]
    sketch: tuple[int, ...]

    def same_rows(self, other: RowDigest) -> bool:
        return (self.columns, self.rows, self.sums) == (other.columns, other.rows, other.sums)

    def shared(self, other: RowDigest) -> float:
        """About which part of this one's distinct rows the other has, too."""
        if self.columns != other.columns or not self.sketch or not other.sketch:
            return 0.0
        full = [of.sketch[-1] for of in (self, other) if len(of.sketch) == SKETCH]
        limit = min(full, default=1 << 64)
        mine = {value for value in self.sketch if value <= limit}
        return len(mine & set(other.sketch)) / len(mine) if mine else 0.0


def row_digest(path: Path, header: Sequence[str]) -> RowDigest:
    """That of a sound file. ``OSError``, ``PolarsError``."""
    import polars as pl

    columns = tuple(sorted(header))
    names = [f"c{index}" for index in range(len(header))]  # no pattern of names
    order = [names[index] for index in sorted(range(len(header)), key=lambda i: header[i])]
    rows, sums = 0, [0, 0, 0, 0]
    sketch = pl.Series([], dtype=pl.UInt64)
    with path.open("rb") as file:
        for block in blocks(file, names):
            frame = block.texts(*names).select(order)
            rows += frame.height
            hashes = [frame.hash_rows(seed=seed) for seed in (0, 1)]
            sums = [old + new for old, new in zip(sums, _halves(hashes), strict=True)]
            sketch = pl.concat([sketch, hashes[0]]).unique().sort().head(SKETCH)
    return RowDigest(columns, rows, tuple(sums), tuple(sketch.to_list()))


def _halves(hashes: Sequence[pl.Series]) -> list[int]:
    return [int((part).sum()) for of in hashes for part in (of & _MASK, of // (1 << _HALF))]
