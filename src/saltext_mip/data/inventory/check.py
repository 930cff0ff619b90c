"""A data manager's check of a folder, or of one file before it is put into the data path.

The files are judged by the functions that the report and the federation's own look use, so that all
find the same. Nothing is remembered or written, and no rights but to read are needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from saltext_mip.data import data_path
from saltext_mip.data.cde.advice import problems as advice_of
from saltext_mip.data.cde.model import Cde, CdeInvalid
from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.validator import parsed_cde
from saltext_mip.data.inventory import later_versions
from saltext_mip.data.inventory.cache import Findings
from saltext_mip.data.inventory.cde_rules import os_message
from saltext_mip.data.inventory.collect import against_cde
from saltext_mip.data.inventory.dataset_codes import odd_codes
from saltext_mip.data.inventory.duplicates import Digests, candidates, duplicates
from saltext_mip.data.inventory.overlaps import Overlaps
from saltext_mip.data.inventory.row_hashes import HashStore
from saltext_mip.data.inventory.small_datasets import MIN_COUNT, SmallDatasets
from saltext_mip.errors import DataError, UnsafeName
from saltext_mip.federation import CDE_FILE
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage.beneath import Folder
from saltext_mip.text import first_of, shown

_NAMED = 10  # things in a folder that are named where no CSV file is


@dataclass(frozen=True)
class CheckedFile:
    """``datasets`` are pairs of code and rows; they count only where no finding is hard."""

    name: str
    rows: int = 0
    datasets: tuple[tuple[str, int], ...] = ()
    findings: Findings = ()

    @property
    def refused(self) -> bool:
        return any(finding.problem.hard for finding in self.findings)


@dataclass(frozen=True)
class Checked:
    """``folder`` is where the files are, ``cde`` the CDE's file, ``None``: only form was checked.

    ``findings`` are those of no CSV file: of the folder, its names, its CDE. ``later`` are notes on
    what later versions of MIP refuse in the CDE and in files that are accepted here.
    """

    folder: Path
    cde: Path | None = None
    files: tuple[CheckedFile, ...] = ()
    findings: Findings = field(default=())
    later: tuple[Problem, ...] = ()

    @property
    def all_findings(self) -> Findings:
        return (*self.findings, *(each for file in self.files for each in file.findings))


def check(target: Path, cde: Path | None = None, *, subjectcode: bool = False) -> Checked:
    """All findings of a folder's CSV files, or of one file, with values; what is refused later.

    ``cde`` is the CDE's file; without it the one in the folder, where there is one.
    :class:`DataError` where there is no such folder or file.
    """
    if not target.exists():
        raise DataError(f"{shown(str(target))} not found")
    if cde is not None and not cde.is_file():
        raise DataError(f"{shown(str(cde))} not found")
    where, name = (target, None) if target.is_dir() else (target.parent, target.name)
    pathology = where.resolve().name
    try:
        folder = data_path.opened(where)
    except OSError as error:
        raise DataError(f"{shown(str(where))} cannot be opened: {os_message(error)}") from error
    listing = data_path.one_file(name) if name else data_path.csv_files(folder)
    found = [Finding(problem) for problem in listing.problems]
    parsed, used, of_cde = _cde(folder, cde, subjectcode=subjectcode)
    found += of_cde
    files = []
    tables = {file: reader.read_stamped(folder / file, even_open=True) for file in listing.names}
    repeated = duplicates(folder, candidates(tables), Digests(None))
    known = [code for code, _ in parsed.datasets] if parsed else []
    small = SmallDatasets(where.resolve(), lambda: known, min_count=MIN_COUNT)
    for file, (table, stamp) in tables.items():
        of_file = table.findings
        of_file += (Finding(repeated[file]),) if file in repeated else ()
        of_file += (held,) if table.sound and (held := small.held(table.datasets)) else ()
        if parsed is not None and stamp is not None:
            of_file += against_cde(folder / file, table, stamp, parsed, subjectcode=subjectcode)
        files.append(CheckedFile(file, table.rows, table.datasets, of_file))
    if not files and not any(each.problem.hard for each in found):
        found.append(_nothing(folder))
    odd = odd_codes({file.name: file.datasets for file in files if not file.refused}, known)
    good = candidates({of.name: tables[of.name] for of in files if not of.refused})
    with HashStore(None) as store:
        overlaps = Overlaps(folder, pathology, store)
        shared = overlaps.findings(good, "" if parsed else None, lambda _: cast("Cde", parsed))
    later = later_versions.of_cde(parsed) if parsed else ()
    for of in files:
        if parsed and not of.refused:
            notes = later_versions.of_file(
                folder / of.name, tables[of.name][0], parsed, of.findings
            )
            later += tuple(note.at(file=of.name) for note in notes)
    return Checked(
        where,
        used,
        tuple(
            CheckedFile(
                file.name,
                file.rows,
                file.datasets,
                tuple(
                    each.at(file=file.name, pathology=pathology)
                    for each in (
                        *file.findings,
                        *odd.get(file.name, ()),
                        *shared.get(file.name, ()),
                    )
                ),
            )
            for file in files
        ),
        tuple(each.at(pathology=pathology) for each in found),
        tuple(note.at(pathology=pathology) for note in later),
    )


def _cde(
    folder: Folder, cde: Path | None, *, subjectcode: bool
) -> tuple[Cde | None, Path | None, list[Finding]]:
    try:
        path = cde or folder.path / CDE_FILE
        if cde is None and not (folder / CDE_FILE).exists():
            advice = (
                f"There is no {CDE_FILE} in {shown(str(folder))}: only the form of the files was "
                "checked. Name the CDE of the pathology: --cde /data/<federation>/<pathology>/"
                f"{CDE_FILE} (with salt-call: cde=…)."
            )
            return None, None, [Finding(Problem("NotChecked"), advice=advice)]
        pathology = path.resolve().parent.name
        content = (
            data_path.cde_content(folder)
            if cde is None
            else data_path.content(data_path.named(cde))
        )
        parsed = parsed_cde(content, pathology, subjectcode=subjectcode)
        # a copy of the CDE says nothing about the name of its folder
        advised = [of for of in advice_of(parsed) if cde is None or of.rule != "CdeRootCode"]
        return parsed, path, list(map(Finding, advised))
    except CdeInvalid as error:
        return None, cde or folder.path / CDE_FILE, list(map(Finding, error.problems()))
    except (UnsafeName, OSError) as error:
        problem = Problem("CdeInvalid", file=CDE_FILE, about=os_message(error))
        return None, cde or folder.path / CDE_FILE, [Finding(problem)]


def _nothing(folder: Folder) -> Finding:
    """What was expected in a folder without CSV files, and what is there."""
    try:
        with folder.scan() as entries:
            there = {e.name: e.is_dir() for e in entries if not e.name.startswith(".")}
        inner = [name for name in sorted(there) if there[name] and _has_csv_files(folder, name)]
    except OSError as error:
        return Finding(Problem("Unreadable", about=os_message(error)))
    names = [shown(f"{name}/" if there[name] else name) for name in sorted(there)]
    what = f"It has: {first_of(names, _NAMED)}." if names else "It is empty."
    hint = f" CSV files are in its folder '{shown(inner[0])}': check that." if inner else ""
    advice = (
        f"Files whose names end in .csv (small letters) are expected in {shown(str(folder))} "
        f"itself. {what}{hint}"
    )
    return Finding(Problem("NothingToCheck"), advice=advice)


def _has_csv_files(folder: Folder, name: str) -> bool:
    try:
        return bool(data_path.csv_files(folder.folder(name)).names)
    except OSError:  # a link, or a folder that cannot be opened
        return False
