"""What a node shows to people: datasets, headers, CDEs, and all problems of a folder.

The types of results are imported where they are made: a minion that loads this pays nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saltext_mip.data import data_path
from saltext_mip.data.cde import codebook as codebooks
from saltext_mip.data.cde.model import Cde, CdeInvalid, parse
from saltext_mip.data.corrections import fix as corrections
from saltext_mip.data.inventory import check as checks
from saltext_mip.data.inventory.fingerprints import Fingerprints
from saltext_mip.data.inventory.model import FileRecord, Inventory
from saltext_mip.data.inventory.small_datasets import MIN_COUNT
from saltext_mip.data.inventory.trials import Trials
from saltext_mip.errors import Misuse, NodeError
from saltext_mip.federation import CDE_FILE, STATE_ROOT
from saltext_mip.node import data_disk
from saltext_mip.node.context import NodeContext
from saltext_mip.node.inventory import collect_inventory
from saltext_mip.problems import Finding
from saltext_mip.rules import RULES
from saltext_mip.storage.beneath import Folder
from saltext_mip.text import shown

if TYPE_CHECKING:
    from saltext_mip.results import AskedHistory, CheckResult, FoundProblem, NodeCodebook


def datasets(context: NodeContext) -> dict[str, Any]:
    """``{pathology: {file: {"datasets": {code: rows}, "rows", "size", "sha256", "problems"}}}``.

    Of a pathology whose files are unknown, ``{"problem": text}``.
    """
    found = _usable(context)
    return {
        pathology.name: {record.name: _file(context, record) for record in pathology.files}
        for pathology in found.pathologies
    } | _unknown(found)


def prototypes(context: NodeContext) -> dict[str, Any]:
    """``{pathology: [{"columns": […], "files": […]}]}``, each distinct header once.

    Of a pathology whose files are unknown, ``{"problem": text}``.
    """
    out: dict[str, Any] = {}
    inventory = _usable(context)
    for pathology in inventory.pathologies:
        names: dict[tuple[str, ...], list[str]] = {}
        for record in pathology.files:
            if record.header:
                names.setdefault(record.header, []).append(record.name)
        out[pathology.name] = [
            {"columns": list(header), "files": files} for header, files in names.items()
        ]
    return out | _unknown(inventory)


def cde(context: NodeContext, pathology: str | None) -> dict[str, Any]:
    """A summary of all CDEs, or the tree of one; for one that cannot be read, its problem."""
    if not context.has_data:
        return {}
    if pathology is not None:
        tree: dict[str, Any] = dict(cde_of(context, pathology).tree)
        return tree
    inventory = _usable(context)
    out: dict[str, Any] = _unknown(inventory)
    for record in inventory.pathologies:
        if record.cde is None or record.name in out:
            continue
        try:
            found = cde_of(context, record.name)
        except CdeInvalid as exc:
            out[record.name] = {"problem": str(exc)}
            continue
        out[record.name] = {
            "code": found.code,
            "label": found.label,
            "version": found.tree.get("version"),
            "sha256": found.sha256,
            "variables": len(found.variables),
            "datasets": dict(found.datasets),
        }
    return out


def codebook(cde_: Cde, *, separator: str, folder: Path | None) -> NodeCodebook:
    """A CDE as a table, and an empty file; written into ``folder`` where there is one."""
    from msgspec import UNSET

    from saltext_mip.results import NodeCodebook

    made = {
        "codebook": codebooks.codebook(cde_, separator=separator),
        "template": codebooks.template(cde_),
    }
    written: list[str] = []
    if folder is not None:
        if not folder.is_dir():
            raise NodeError(f"{shown(str(folder))} is not a folder.")
        for what, text in made.items():
            path = folder / f"{cde_.pathology}-{what}.csv"
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
            written.append(str(path))
    return NodeCodebook(
        pathology=cde_.pathology,
        codebook=made["codebook"],
        template=made["template"],
        written=UNSET if folder is None else written,
    )


def fix(
    path: Path, cde: Path | None, *, encoding: str | None, write: bool, out: Path | None
) -> dict[str, Any]:
    """The mechanical corrections of a file; with ``write`` in a new file, checked.

    ``out`` is that file; without it ``<name>.fixed.csv`` beside the original.
    """
    data_disk.require_path(path)
    known_at = cde if cde is not None else path.parent
    fixed = corrections.fix(path, cde_at(known_at), encoding=encoding)
    result: dict[str, Any] = {
        "file": str(path),
        "changes": dict(fixed.changes),
        "left": fixed.left,
        "written": None,
        "problems": [],
    }
    if write:
        from msgspec import to_builtins

        from saltext_mip.results import FoundProblem

        target = out or path.with_name(f"{path.stem}.fixed.csv")
        corrections.write(fixed, target)
        checked = checks.check(target, known_at if known_at.is_file() else known_at / CDE_FILE)
        result["written"] = str(target)
        found = [FoundProblem.of(finding, values=True) for finding in checked.all_findings]
        result["problems"] = to_builtins(found)
    return result


def cde_at(path: Path) -> Cde:
    """The CDE of a pathology's folder, or of a file."""
    data_disk.require_path(path)
    file = path / CDE_FILE if path.is_dir() else path
    if not file.is_file():
        raise Misuse(f"{shown(str(file))} not found.")
    return parse(data_path.content(data_path.named(file)), pathology=file.resolve().parent.name)


def require_in_data_path(path: Path, data_paths: Sequence[Path], local: str) -> None:
    """Raise for a path outside of these; nor is it reported whether it is there.

    ``local`` is the command that reads it.
    """
    data_disk.require_path(path)
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(each)) for each in data_paths):
        where = ", ".join(map(str, data_paths)) or "none is declared"
        raise Misuse(
            f"{shown(str(path))} is not in this node's data path ({where}). Its content does not "
            f"leave this machine: run {local} there."
        )


def check(target: Path, cde: Path | None, *, values: bool) -> CheckResult:
    """Every problem of a folder's CSV files, or of one file.

    ``values``: with values, lines and counts, only for a user of this machine.
    """
    from msgspec import UNSET

    from saltext_mip.results import AcceptedFile, CheckResult, FoundProblem

    data_disk.require_path(target)
    checked = checks.check(target, cde)
    files: dict[str, list[FoundProblem]] = {}
    for finding in checked.all_findings:
        if not values:
            finding = Finding(finding.problem.outside(MIN_COUNT))  # noqa: PLW2901
        files.setdefault(finding.problem.file or "", []).append(
            FoundProblem.of(finding, values=values)
        )
    later: dict[str, list[FoundProblem]] = {}
    for note in checked.later:
        finding = Finding(note if values else note.at(count=1))
        later.setdefault(note.file or "", []).append(FoundProblem.of(finding, values=False))
    accepted = {
        file.name: AcceptedFile(rows=file.rows, datasets=dict(file.datasets))
        for file in checked.files
        if not file.refused
    }
    return CheckResult(
        folder=str(checked.folder),
        cde=str(checked.cde) if checked.cde else None,
        files=files,
        problems=len(checked.all_findings),
        refused=sorted({f.problem.file or "" for f in checked.all_findings if f.problem.hard}),
        checked=[file.name for file in checked.files],
        refused_later=later,
        accepted=accepted if values else UNSET,
    )


def asked(root: Path, federation: str | None) -> AskedHistory:
    """Which CDEs this node was asked to verify files against; without pillar, from its state."""
    from msgspec import UNSET

    from saltext_mip.results import AskedCde, AskedHistory

    state = _state(root, federation)
    trials = Trials(state)
    entries = trials.history()
    return AskedHistory(
        asked=[
            AskedCde(
                when=each.when,
                pathology=each.pathology,
                what=each.what,
                rules=each.rules or UNSET,
                cde=each.cde or UNSET,
                job=each.job or UNSET,
                changed=list(each.changed) or UNSET,
            )
            for each in entries
        ],
        left={name: trials.left(name) for name in _pathologies(state, trials)},
    )


def allow(root: Path, pathology: str, federation: str | None) -> AskedHistory:
    """The hospital allows as many new CDEs of the pathology again."""
    state = _state(root, federation)
    trials = Trials(state)
    known = _pathologies(state, trials)
    if pathology not in known:
        there = ", ".join(map(shown, known)) or "none"
        raise Misuse(f"This node has no pathology '{shown(pathology)}'; it has: {there}.")
    trials.allow(pathology)
    return asked(root, state.name)


def _pathologies(state: Path, trials: Trials) -> list[str]:
    if path := data_path.enrolled_path(state):
        data_disk.require_path(path)
    asked_about = {each.pathology for each in trials.history()}
    return sorted(asked_about.union(data_path.enrolled_pathologies(state)))


def _state(root: Path, federation: str | None) -> Path:
    """The folder of a federation's state; without a name that of the only one."""
    home = root / STATE_ROOT
    there = sorted(each.name for each in home.iterdir() if each.is_dir()) if home.is_dir() else []
    named = ", ".join(map(shown, there)) or "none"
    if federation is None and len(there) != 1:
        raise Misuse(f"Name the federation: federation=<name>. State found for: {named}.")
    name = federation or there[0]
    if name not in there:
        raise Misuse(f"No state of federation '{shown(name)}' on this machine, only of: {named}.")
    return home / name


def fingerprint(root: Path, federation: str | None, path: Path) -> dict[str, str]:
    """``{"file", "federation", "fingerprint"}``: what the node reports of that content.

    ``root`` is Salt's ``root_dir``. :class:`Misuse` where the node has no key of the federation.
    """
    data_disk.require_path(path)
    state = _state(root, federation)
    try:
        made = Fingerprints.existing(state)
        if made is None:
            raise Misuse(f"This node has no key of '{shown(state.name)}' yet: the pusher sends it.")
        found = made.of_file(data_path.named(path))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NodeError(f"{shown(str(path))} cannot be read: {reason}.") from error
    return {"file": str(path), "federation": state.name, "fingerprint": found}


def _usable(context: NodeContext) -> Inventory:
    """This node's inventory; of the ui an empty one. A missing data path is an error."""
    if not context.has_data:
        return Inventory(context.federation.name, context.node.id, "ok", enrolled=False)
    seen = collect_inventory(context)
    if seen.absence is not None:
        rule, about = seen.absence.definition, seen.absence.about
        detail = f" ({about})" if about else ""
        raise NodeError(f"{context.data_path}: {rule.text}{detail}. {rule.hint}")
    return seen


def _unknown(found: Inventory) -> dict[str, Any]:
    """``{pathology: {"problem": text}}`` of those whose files nobody can tell, and why."""
    return {
        record.name: {"problem": f"{RULES[record.unknown].text}. {RULES[record.unknown].hint}"}
        for record in found.pathologies
        if record.unknown
    }


def cde_of(context: NodeContext, pathology: str) -> Cde:
    data_disk.require(context)
    try:
        if pathology in data_path.gone_mounts(context.data_path, context.state):
            rule = RULES["MountGone"]
            raise NodeError(f"{shown(pathology)}: {rule.text}. {rule.hint}")
        content = data_path.cde_content(Folder.at(context.data_path).folder(pathology))
    except (FileNotFoundError, NotADirectoryError):
        raise Misuse(f"{CDE_FILE} of '{shown(pathology)}' not found on this node.") from None
    except OSError as error:
        raise data_path.DataPathUnreadable(
            node=context.node.id,
            path=context.data_path / pathology,
            reason=error.strerror or str(error),
        ) from error
    return parse(content, pathology=pathology, node=context.node.id)


def _file(context: NodeContext, record: FileRecord) -> dict[str, Any]:
    masked = record.masked(context.federation.min_count)
    return {
        "datasets": dict(masked.datasets),
        "rows": masked.rows,
        "size": masked.size,
        "sha256": record.sha256,
        "problems": [problem.wire() for problem in masked.all_problems],
    }
