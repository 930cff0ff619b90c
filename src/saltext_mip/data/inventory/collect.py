"""One node's inventory: what it has, read again where it changed since the last collection.

:func:`collect` is what the pusher asks for, :func:`verify` the same files against CDEs that are to
come. Values stay here: in findings, in the report in the data path and in our own state.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from saltext_mip.data import data_path as folders
from saltext_mip.data.cde import model as cdes_
from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.reader import Stamp, Table
from saltext_mip.data.inventory import duplicates, report, trials
from saltext_mip.data.inventory.cache import Findings, InventoryCache
from saltext_mip.data.inventory.cde_rules import CdeRules, os_message
from saltext_mip.data.inventory.dataset_codes import odd_codes
from saltext_mip.data.inventory.fingerprints import Fingerprints
from saltext_mip.data.inventory.model import Count, FileRecord, Inventory, PathologyRecord
from saltext_mip.data.inventory.overlaps import Overlaps
from saltext_mip.data.inventory.row_hashes import HashStore
from saltext_mip.data.inventory.small_datasets import MIN_COUNT, SmallDatasets
from saltext_mip.data.limits import PATHOLOGIES
from saltext_mip.errors import DataError, UnsafeName
from saltext_mip.federation import CDE_FILE
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import File, Folder, Where

if TYPE_CHECKING:
    from saltext_mip.data.cde.model import Cde

__all__ = ["Count", "FileRecord", "Inventory", "PathologyRecord", "collect", "verify"]


def collect(
    data_path: Path,
    state: Path,
    *,
    federation: str,
    node: str,
    subjectcode: bool = False,
    min_count: int = MIN_COUNT,
    deep: bool = True,
    now: Callable[[], int] = time.time_ns,
) -> Inventory:
    """What the node has under its data path.

    data_path, state
        where the data are; where our own state is
    subjectcode
        whether databases have that column, for the rules of files
    min_count
        the rows of a dataset from which on it is not small
    deep
        whether files are verified against their folder's CDE, too
    now
        the time in ns, by the clock of the file system

    Where there are problems, or none any more, the reports in the data path follow.
    """
    enrolled = folders.is_enrolled(data_path, state)
    empty = Inventory(federation, node, enrolled=enrolled)
    try:
        if folders.is_gone(data_path, state):
            return replace(empty, status="MountGone")
        home = Folder.at(data_path)
        found = folders.pathologies(home)
        gone = folders.gone_mounts(data_path, state)
    except OSError as error:
        return _unreadable(empty, error)
    if len(found.names) > PATHOLOGIES:
        about = (
            f"{len(found.names)} folders, at most {PATHOLOGIES}: move those that are no "
            "pathologies out of it"
        )
        problem = _problem(empty, "Unreadable", about)
        return replace(empty, status="Unreadable", problems=(problem,))
    collector = _Collector(home, state, node, subjectcode=subjectcode, min_count=min_count, now=now)
    names = sorted({*found.names, *gone})
    records = tuple(
        collector.gone(name) if name in gone else collector.pathology(name, deep=deep)
        for name in names
    )
    unwritten = collector.finish(report_on=names if deep else None)
    problems = tuple(problem.at(node=node) for problem in (*found.problems, *unwritten))
    return replace(empty, pathologies=records, problems=problems)


def verify(
    data_path: Path,
    state: Path,
    *,
    federation: str,
    node: str,
    cdes: Mapping[str, bytes],
    subjectcode: bool = False,
    min_count: int = MIN_COUNT,
    now: Callable[[], int] = time.time_ns,
) -> Mapping[str, Mapping[str, tuple[Problem, ...]]]:
    """What the files of each pathology are found to be against that CDE, which is to come.

    ``cdes`` are contents by pathology. Only files whose form is sound are in the answer. It is
    remembered: the next :func:`collect` tells it, too. :class:`CdeInvalid` if a CDE is.
    """
    try:
        folders.check(data_path, state, node=node)
    except (folders.MountGone, folders.NoDataPath):
        return {}
    try:
        home = Folder.at(data_path)
        names = sorted(
            {*folders.pathologies(home).names} - {*folders.gone_mounts(data_path, state)}
        )
    except OSError as error:
        what = os.strerror(error.errno or 0)
        raise DataError(f"{node}, data path of '{federation}': {what}") from error
    collector = _Collector(home, state, node, subjectcode=subjectcode, min_count=min_count, now=now)
    answer = {}
    for name in names:
        to_come = cdes_.parse(cdes[name], pathology=name) if name in cdes else None
        record = collector.pathology(name, to_come=to_come)
        if to_come is not None:
            digest = cdes_.rules_digest(to_come, subjectcode=subjectcode)
            answer[name] = {
                file.name: file.verified[digest] for file in record.files if digest in file.verified
            }
    collector.finish(report_on=names)
    return answer


class _Collector:
    """One collection of a data path: what it reads, remembers, and writes into reports."""

    def __init__(
        self,
        home: Folder,
        state: Path,
        node: str,
        *,
        subjectcode: bool,
        min_count: int,
        now: Callable[[], int],
    ) -> None:
        self._home = home
        self._data_path = home.path
        self._state = state
        self._node = node
        self._subjectcode = subjectcode
        self._min_count = min_count
        self._now = now
        self._memory = InventoryCache.load(state, data_path=home.path)
        self._findings: dict[str, list[Finding]] = {}
        self._good: dict[str, dict[str, tuple[int, report.Counts]]] = {}
        self._hashes = HashStore(state)
        self._fingerprints = Fingerprints.load(state)

    def pathology(
        self, name: str, *, deep: bool = True, to_come: Cde | None = None
    ) -> PathologyRecord:
        """Collect one folder; also against the CDE that is ``to_come``."""
        try:
            folder = self._home.folder(name)
        except OSError as error:  # it is none, or none any more
            return self._lost(name, error)
        listing = folders.csv_files(folder)
        lost = any(
            problem.rule == "Unreadable" and not problem.file for problem in listing.problems
        )
        content, cde_problem = (None, None) if lost else _cde_content(folder)
        own = hashlib.sha256(content).hexdigest() if content is not None else None
        rules = CdeRules(self._memory, name, subjectcode=self._subjectcode)
        digests = []
        if content is not None and cde_problem is None:
            digest, cde_problem = rules.of(content)
            digests += [digest] if digest else []
        if to_come is not None:
            digests = trials.with_asked(self._memory, rules, digests, to_come, own)
        asked = self._memory.asked(name, own)
        reported = asked.digest if asked else (digests[0] if digests else None)
        if not deep:
            digests = []
        found = [Finding(problem) for problem in listing.problems]
        found += [Finding(cde_problem.at(file=CDE_FILE))] if cde_problem else []
        records = []
        small = SmallDatasets(folder, lambda: rules.datasets(content), min_count=self._min_count)
        tables = self._tables(folder, name, listing.names, small)
        for file, (table, stamp) in tables.items():
            at = (name, folder / file)
            record, of_file = self._file(at, table, stamp, digests, reported, rules)
            records.append(trials.without_answers(record, asked, self._min_count))
            found += [finding.at(file=file) for finding in of_file]
        refused = {each.problem.file for each in found if each.problem.hard}
        good = self._good[name] = {
            record.name: (cast("int", record.rows), cast("report.Counts", record.datasets))
            for record in records
            if record.name not in refused
        }
        codes = {file: datasets for file, (_, datasets) in good.items()}
        odd = odd_codes(codes, rules.codes(content, codes.values()))
        files = duplicates.candidates({file: tables[file] for file in good})
        digest = reported if reported and rules.has(reported) else None
        overlaps = Overlaps(folder, name, self._hashes, self._memory)
        shared = overlaps.findings(files, digest, rules.cde)
        for index, record in enumerate(records):
            of_others = [*odd.get(record.name, ()), *shared.get(record.name, ())]
            if of_others:
                found += [finding.at(file=record.name) for finding in of_others]
                where = {"node": self._node, "pathology": name, "file": record.name}
                problems = tuple(finding.problem.at(**where) for finding in of_others)
                records[index] = replace(record, problems=record.problems + problems)
        self._findings[name] = found
        place = {"node": self._node, "pathology": name}
        problems = listing.problems
        if not records and not any(problem.hard for problem in problems):
            problems = (Problem("NoData"), *problems)
        return PathologyRecord(
            name=name,
            files=tuple(records),
            cde=own,
            cde_problem=cde_problem.at(**place) if cde_problem else None,
            problems=tuple(problem.at(**place) for problem in problems),
        )

    def _lost(self, name: str, error: OSError) -> PathologyRecord:
        """One that cannot be opened."""
        problem = folders.not_opened(error)
        self._findings[name] = [Finding(problem)]
        return PathologyRecord(name=name, problems=(problem.at(node=self._node, pathology=name),))

    def gone(self, name: str) -> PathologyRecord:
        """One folder whose own disk is not mounted: what is there instead is not its data."""
        problem = Problem("MountGone", about="the folder was a mount of its own")
        self._findings[name] = [Finding(problem)]
        problems = (problem.at(node=self._node, pathology=name),)
        return PathologyRecord(name=name, problems=problems)

    def finish(self, *, report_on: Collection[str] | None) -> tuple[Problem, ...]:
        """Remember, and write the reports; problems where that could not be."""
        problems = []
        try:
            self._memory.save(self._data_path)
            folders.remember_mounts(self._data_path, self._state)
        except OSError as error:
            problems.append(Problem("NotRemembered", about=os.strerror(error.errno or 0)))
        if report_on is not None:
            self._hashes.keep_pathologies(report_on)
            problems += report.write(self._home, self._findings, known=report_on, good=self._good)
        return tuple(problems)

    def _file(
        self,
        place: tuple[str, File],
        table: Table,
        stamp: Stamp | None,
        digests: list[str],
        reported: str | None,
        rules: CdeRules,
    ) -> tuple[FileRecord, Findings]:
        pathology, path = place
        name = path.name
        verified: dict[str, Findings] = {}
        if table.sound and stamp is not None:
            for digest in digests:
                known = self._memory.verified(table.sha256, digest)
                if known is None:
                    known = against_cde(
                        path, table, stamp, rules.cde(digest), subjectcode=self._subjectcode
                    )
                    if any(finding.problem.rule == "FileChanging" for finding in known):
                        verified[digest] = known
                        continue
                    self._memory.keep_verified(table.sha256, digest, known)
                verified[digest] = known
            # what it was found to be against the CDE that was asked about last is returned, too
            if reported is not None and reported not in verified:
                known = self._memory.verified(table.sha256, reported)
                verified |= {} if known is None else {reported: known}
        at = {"node": self._node, "pathology": pathology, "file": name}
        record = FileRecord(
            name=name,
            size=table.size,
            sha256=self._fingerprints.of(table.sha256),
            rows=table.rows,
            datasets=table.datasets if table.sound else (),
            header=table.header,
            problems=tuple(finding.problem.at(**at) for finding in table.findings),
            verified={
                digest: tuple(finding.problem.at(**at) for finding in found)
                for digest, found in verified.items()
            },
        )
        found = table.findings
        if reported is not None:
            known = self._memory.verified(table.sha256, reported)
            # of a file that is refused for its form the report shows as many problems as can be
            if known is None and digests and stamp and not table.sound and rules.has(reported):
                known = against_cde(
                    path, table, stamp, rules.cde(reported), subjectcode=self._subjectcode
                )
                self._memory.keep_verified(table.sha256, reported, known)
            found += known or ()
        return record, found

    def _tables(
        self, folder: Folder, pathology: str, names: Collection[str], small: SmallDatasets
    ) -> dict[str, tuple[Table, Stamp | None]]:
        """Each file's table; with a finding where it repeats rows of another, or is held."""
        tables = {name: self._table((pathology, name), folder / name) for name in names}
        if len(names) > 1:
            files = duplicates.candidates(tables)
            digests = duplicates.Digests(self._state)
            for name, problem in duplicates.duplicates(folder, files, digests).items():
                table, stamp = tables[name]
                found = (*table.findings, Finding(problem))
                tables[name] = replace(table, findings=found), stamp
        for name, (table, stamp) in tables.items():
            if table.sound and (finding := small.held(table.datasets)):
                tables[name] = replace(table, findings=(*table.findings, finding)), stamp
        return tables

    def _table(self, place: tuple[str, str], path: File) -> tuple[Table, Stamp | None]:
        try:
            stamp = Stamp.of(path.stat())
        except OSError:
            return reader.read_stamped(path)  # it reports what is wrong
        if known := self._memory.table(place, stamp):
            return known, stamp
        looked = self._now()
        table, read_stamp = reader.read_stamped(path)
        if read_stamp is not None:
            self._memory.keep(place, table, read_stamp, looked)
        return table, read_stamp


def against_cde(
    path: Where, table: Table, stamp: Stamp, cde: Cde, *, subjectcode: bool
) -> Findings:
    """What the file is against that CDE, if it is still the one that the table is of."""
    from polars.exceptions import PolarsError

    from saltext_mip.data.csvfile import validator

    changing = (Finding(Problem("FileChanging")),)
    try:
        try:
            found = validator.check_file(path, table, cde, subjectcode=subjectcode)
        except PolarsError:  # it was a table when it was read
            if Stamp.of(beneath.status(path)) == stamp:
                raise
            return changing
        return found if Stamp.of(beneath.status(path)) == stamp else changing
    except FileNotFoundError:
        return changing
    except OSError as error:
        return (Finding(Problem("Unreadable", about=os.strerror(error.errno or 0))),)


def _cde_content(folder: Folder) -> tuple[bytes | None, Problem | None]:
    try:
        return folders.cde_content(folder), None
    except FileNotFoundError:
        return None, None
    except UnsafeName:
        return None, Problem("UnsafeName")
    except OSError as error:
        return None, Problem("Unreadable", about=os_message(error))


def _unreadable(empty: Inventory, error: OSError) -> Inventory:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return replace(empty, status="NoDataPath", problems=(_problem(empty, "NoDataPath"),))
    problem = _problem(empty, "Unreadable", os_message(error))
    return replace(empty, status="Unreadable", problems=(problem,))


def _problem(empty: Inventory, rule: str, about: str | None = None) -> Problem:
    return Problem(rule, node=empty.node, about=about)
