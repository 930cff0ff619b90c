"""A file with many new datasets of few rows each: its codes may be persons, and do not leave.

The file is held until the hospital corrects it or lists the codes in ``mip-datasets.csv`` beside
the pathologies' folders, with the columns ``pathology`` and ``dataset``. Nobody but the hospital
writes that file.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from functools import cached_property

from saltext_mip.data.data_path import ALLOWED_DATASETS
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import AnyFolder
from saltext_mip.text import first_of, shown

RULE = "ManySmallDatasets"
MANY = 5  # new and small ones of a file that are taken
MIN_COUNT = 10  # the pillar's default

_LARGEST = 1 << 20  # bytes of the list
_SHOWN = 10


class SmallDatasets:
    """Of one pathology's ``folder``; ``known`` gives the codes that its CDE lists."""

    def __init__(
        self, folder: AnyFolder, known: Callable[[], Iterable[str]], *, min_count: int
    ) -> None:
        self._folder = folder
        self._known = known
        self._min_count = min_count

    def held(self, datasets: Iterable[tuple[str, int]]) -> Finding | None:
        """Why a file with these codes and rows is held, if it is."""
        small = [code for code, rows in datasets if rows < self._min_count]
        if len(small) > MANY:  # only now is anything read
            small = [code for code in small if code not in self._taken]
        if len(small) <= MANY:
            return None
        named = first_of([f"'{shown(code)}'" for code in small], _SHOWN)
        advice = (
            f"{len(small)} codes in 'dataset' are new and have fewer than {self._min_count} rows "
            f"each: {named}. Names or numbers of patients? Write the code of their dataset. "
            f"Datasets? List each in {shown(str(self._folder.parent / ALLOWED_DATASETS))}, a CSV "
            "file with the columns pathology and dataset. Until then the file is not taken."
        )
        return Finding(Problem(RULE, column="dataset", count=len(small)), advice=advice)

    @cached_property
    def _taken(self) -> frozenset[str]:
        return frozenset(self._known()) | allowed(self._folder.parent, self._folder.name)


def allowed(data_path: AnyFolder, pathology: str) -> frozenset[str]:
    """The codes of a pathology that the hospital allows; none where the list cannot be read."""
    try:
        with beneath.opened(beneath.folder(data_path) / ALLOWED_DATASETS) as file:
            if os.fstat(file.fileno()).st_size > _LARGEST:
                return frozenset()
            lines = file.read(_LARGEST).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return frozenset()
    separator = ";" if lines and ";" in lines[0] else ","  # as a spreadsheet may write it
    rows = csv.DictReader(lines, delimiter=separator)
    return frozenset(
        code for row in rows if row.get("pathology") == pathology and (code := row.get("dataset"))
    )
