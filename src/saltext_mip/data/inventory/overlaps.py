"""Files of a pathology that share rows or visits: those patients are counted twice.

Both are warnings, at the file whose name comes later, copies last: the same one each time, whatever
is saved last. Rows and visits are compared by their hashes, all of them: no part is estimated.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from saltext_mip.data.cde.model import Cde
from saltext_mip.data.csvfile.blocks import NotATable, blocks
from saltext_mip.data.csvfile.duplicate_visits import SUBJECT, VISIT, VISIT_KEY, put_down
from saltext_mip.data.csvfile.findings import SHOWN, FindingCollector
from saltext_mip.data.csvfile.row_digest import row_hashes
from saltext_mip.data.csvfile.validator import Validator
from saltext_mip.data.file_names import looks_like_copy
from saltext_mip.data.inventory.cache import Findings, InventoryCache
from saltext_mip.data.inventory.duplicates import Candidate
from saltext_mip.data.inventory.row_hashes import HashStore, in_passes
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import AnyFolder, Where
from saltext_mip.text import first_of, shown

if TYPE_CHECKING:
    import polars as pl

_SMALL = 5  # distinct rows from which on a share tells anything
_DISTINCT = 0.9  # of a file's rows: in others equal rows are no sign of equal patients
_NAMED = 3  # other files in one finding

Found = dict[str, Findings]
_Make = Callable[[Candidate], "Iterator[pl.Series]"]


class Overlaps:
    """Compares the files of one pathology's folder; what is in ``memory`` is not compared again."""

    def __init__(
        self,
        folder: AnyFolder,
        pathology: str,
        store: HashStore,
        memory: InventoryCache | None = None,
    ) -> None:
        self._folder = folder
        self._pathology = pathology
        self._store = store
        self._memory = memory

    def findings(
        self, files: Sequence[Candidate], digest: str | None, cde: Callable[[str], Cde]
    ) -> Found:
        """By file what it shares with others. ``digest`` is of the CDE that ``cde`` returns for it;
        without one, only rows are compared."""
        groups = _same_rows_possible(files)
        same = [file for group in groups for file in group]
        visits = _longitudinal(files) if digest is not None else []
        asked = {"rows": same, f"visits {digest}": visits}
        found: Found = {}
        compared = False
        for kind, of in asked.items():
            if len(of) < 2:
                continue
            key = _digest([kind, self._pathology, *(f"{each.name} {each.sha256}" for each in of)])
            known = self._memory.shared(key) if self._memory else None
            if known is None:
                compared = True
                if kind == "rows":
                    known = self._rows(groups)
                else:
                    known = self._visits(kind, of, cde(digest or ""))
                if known is not None and self._memory:
                    self._memory.keep_shared(key, known)
            for name, more in (known or {}).items():
                found[name] = (*found.get(name, ()), *more)
        if compared:
            keys = (_key(kind, each) for kind, of in asked.items() for each in of)
            self._store.keep_only(self._pathology, keys)
        return found

    # each is None where it cannot be done now: a file changed, or could not be read

    def _rows(self, groups: Iterable[Sequence[Candidate]]) -> Found | None:
        """A finding for each file more than half of whose rows are in others, or which has more
        than half of the rows of another."""
        found: Found = {}
        for group in groups:
            made = self._hashes(group, "rows", lambda of: row_hashes(self._path(of), of.header))
            if made is None:
                return None
            try:
                found |= _Shares(made).findings(group)
            except OSError:  # of our own state
                return None
        return found

    def _visits(self, kind: str, files: Sequence[Candidate], cde: Cde) -> Found | None:
        """A finding for each file with visits that an earlier one has, too."""
        if not cde.longitudinal:
            return {}
        variables = [v for v in cde.variables if v.code in (SUBJECT, VISIT)]
        bare = tuple(replace(of, enumerations=None, is_categorical=False) for of in variables)
        two = replace(cde, variables=bare, longitudinal=False)
        made = self._hashes(files, kind, lambda of: self._visit_hashes(of, two))
        if made is None:
            return None
        try:
            return self._explained(files, _visits_again(made))
        except OSError:
            return None

    def _explained(self, files: Sequence[Candidate], again: dict[int, _Again]) -> Found | None:
        from polars.exceptions import PolarsError

        found: Found = {}
        for at, rows in sorted(again.items()):
            collector = FindingCollector()
            try:
                with beneath.opened(self._path(files[at])) as content:
                    parts = blocks(content, files[at].header)
                    of_rows = (rows.count, rows.first)
                    put_down(collector, "VisitInOtherFile", of_rows, parts, (SUBJECT, VISIT))
            except (PolarsError, NotATable):
                return None
            others = [f"'{shown(files[other].name)}'" for other in _most_common(rows.others)]
            about = f"the same are in {first_of(others, _NAMED)}"
            found[files[at].name] = tuple(of.at(about=about) for of in collector.findings())
        return found

    def _visit_hashes(self, file: Candidate, two: Cde) -> Iterator[pl.Series]:
        validator = Validator(file.header, two, subjectcode=False)
        with beneath.opened(self._path(file)) as content:
            for block in blocks(content, file.header):
                yield VISIT_KEY.hashes(validator.values(block))

    def _hashes(self, files: Sequence[Candidate], kind: str, make: _Make) -> list[Path] | None:
        made = []
        for file in files:
            path = self._store.made(self._pathology, _key(kind, file), partial(make, file))
            if path is None:
                return None
            made.append(path)
        return made

    def _path(self, file: Candidate) -> Where:
        return self._folder / file.name


@dataclass
class _Again:
    """Of one file: the rows whose visit an earlier one has, the first of them, and which ones."""

    count: int = 0
    first: list[int] = field(default_factory=list)
    others: Counter[int] = field(default_factory=Counter)


def _visits_again(paths: Sequence[Path]) -> dict[int, _Again]:
    import polars as pl

    found: defaultdict[int, _Again] = defaultdict(_Again)
    for part in in_passes(paths):
        first = part.with_columns(pl.col("file").min().over("hash").alias("earliest"))
        rows = first.filter(pl.col("file") != pl.col("earliest"))
        for (at,), of_file in rows.group_by("file"):
            again = found[int(str(at))]
            again.count += of_file.height
            again.first = sorted([*again.first, *of_file["row"].sort().head(SHOWN)])[:SHOWN]
            again.others.update(dict(of_file["earliest"].value_counts().iter_rows()))
    return dict(found)


class _Shares:
    """How many distinct rows each file has, and how many of them others have, too."""

    def __init__(self, paths: Sequence[Path]) -> None:
        import polars as pl

        self.distinct: Counter[int] = Counter()
        # of each file's rows that others have: by the first other one
        self.shared: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for part in in_passes(paths):
            files = part.select("hash", "file").unique()
            self.distinct.update(dict(files["file"].value_counts().iter_rows()))
            by_hash = files.sort("file").group_by("hash").agg(pl.col("file").head(2).alias("of"))
            several = by_hash.filter(pl.col("of").list.len() > 1)
            one, two = (pl.col("of").list.get(at) for at in (0, 1))
            first = pl.when(pl.col("file") == one).then(two).otherwise(one)
            pairs = files.join(several, on="hash").select("file", first.alias("other"))
            for file, other, count in pairs.group_by("file", "other").len().iter_rows():
                self.shared[file][other] += count

    def findings(self, group: Sequence[Candidate]) -> Found:
        found: Found = {}
        telling = {
            at
            for at, file in enumerate(group)
            if self.distinct[at] >= max(_SMALL, _DISTINCT * file.rows)
        }
        for at in sorted(telling):
            shared = Counter({of: n for of, n in self.shared[at].items() if of in telling})
            if 2 * shared.total() <= self.distinct[at]:
                continue
            other = _most_common(shared)[0]
            file, first = group[max(at, other)], group[min(at, other)]
            whose = "its rows" if at > other else f"the rows of '{shown(first.name)}'"
            where = f"in '{shown(first.name)}'" if at > other else "in it"
            about = f"more than half of {whose} are also {where}"
            if at > other and len(shared) > 1:
                about += " and others"
            problem = Problem("OverlappingFile", file=file.name, about=about)
            if at > other or file.name not in found:
                found[file.name] = (Finding(problem),)
        return found


def _same_rows_possible(files: Sequence[Candidate]) -> list[list[Candidate]]:
    """Files of equal columns that have a dataset in common with another one of them, in order."""
    by_columns: defaultdict[tuple[str, ...], list[Candidate]] = defaultdict(list)
    for file in sorted(files, key=_order):
        by_columns[tuple(sorted(file.header))].append(file)
    groups = []
    for alike in by_columns.values():
        of = Counter(code for file in alike for code, _ in file.datasets)
        group = [file for file in alike if any(of[code] > 1 for code, _ in file.datasets)]
        groups += [group] if group else []
    return groups


def _longitudinal(files: Sequence[Candidate]) -> list[Candidate]:
    """Those that name a subject and a visit, in order."""
    return [of for of in sorted(files, key=_order) if {SUBJECT, VISIT} <= set(of.header)]


def _key(kind: str, file: Candidate) -> str:
    return f"{kind} {file.sha256} {_digest(file.header)}"


def _most_common(counts: Counter[int]) -> list[int]:
    """The same order each time, also of those that are as common."""
    return sorted(counts, key=lambda at: (-counts[at], at))


def _order(file: Candidate) -> tuple[bool, str]:
    return looks_like_copy(file.name) is not None, file.name


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256(repr(tuple(texts)).encode("utf-8", "surrogatepass")).hexdigest()
