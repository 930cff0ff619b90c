"""This node's databases: compile the stale ones, report them, compare them with the sources."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from saltext_mip.data import data_path
from saltext_mip.data.database import compare as comparison
from saltext_mip.data.database import compiler, held_files
from saltext_mip.data.database.compiler import Compiled
from saltext_mip.data.database.held_files import NOT_HELD
from saltext_mip.data.inventory import report
from saltext_mip.data.inventory.model import FileRecord
from saltext_mip.node import data_disk
from saltext_mip.node.context import NodeContext
from saltext_mip.node.inventory import collect_inventory
from saltext_mip.problems import Problem
from saltext_mip.rules import RULES
from saltext_mip.storage.beneath import Folder


def compile_all(
    context: NodeContext,
    pathologies: Collection[str] | None = None,
    *,
    force: bool = False,
    strict: bool = False,
) -> dict[str, Any]:
    """Compile stale databases, of all pathologies or of those named that this node has.

    ``{pathology: {"status": compiled|current|failed, "changed", "reason", "rows", "datasets",
    "seconds", "files": {name: compiled|kept|out}, "problems": [wire form]}}``; no values, small
    counts masked. The reports in the data path have the problems with their values.
    """
    held = held_files.load(context.state)
    done = {
        name: Compiled("failed", problems=(data_path.not_opened(folder).at(pathology=name),))
        if isinstance(folder, OSError)
        else compiler.compile(
            folder,
            context.state,
            pathology=name,
            rows=_rows(context),
            subjectcode=context.subjectcode,
            force=force,
            strict=strict,
            min_count=context.federation.min_count,
            held=held.get(name, NOT_HELD),
        )
        for name, folder in _folders(context, pathologies)
    }
    for name in _gone(context, pathologies):
        done[name] = Compiled("failed", problems=(Problem("MountGone", pathology=name),))
    if pathologies is None and context.has_data:
        home = Folder.at(context.data_path)
        for name in data_path.system_folders(home):
            compiler.serve_nothing(home.folder(name))
    if any(compiled.problems or _reported(context, name) for name, compiled in done.items()):
        collect_inventory(context)  # it writes the reports and removes old ones
    return {name: _to_json(context, compiled) for name, compiled in done.items()}


def states(
    context: NodeContext,
    pathologies: Collection[str] | None = None,
    *,
    verify: bool = False,
    gone: bool = True,
) -> dict[str, Any]:
    """``{pathology: {"current", "reason"}}``: what compiling would find; reads no unchanged file.

    With ``verify`` each database is compared with its sources cell by cell, too: ``"same"`` and
    ``"differences"`` (problems, without values). ``gone``: with the pathologies whose own disk is
    not mounted.
    """
    out: dict[str, Any] = {}
    held = held_files.load(context.state)
    min_count = context.federation.min_count
    folders = list(_folders(context, pathologies))  # whether the disk responds, before anything
    for name in _gone(context, pathologies) if gone else ():
        out[name] = {"current": False, "reason": RULES["MountGone"].text}
    for name, folder in folders:
        how: Any = {
            "pathology": name,
            "rows": _rows(context),
            "subjectcode": context.subjectcode,
            "held": held.get(name, NOT_HELD),
        }
        if isinstance(folder, OSError):
            rule = data_path.not_opened(folder)
            out[name] = {"current": False, "reason": f"{rule.definition.text}: {rule.about}"}
            continue
        current, reason = compiler.current(folder, context.state, **how)
        out[name] = {"current": current, "reason": reason}
        if verify:
            found = comparison.verify(folder, context.state, **how)
            out[name]["same"] = not found
            out[name]["differences"] = [
                finding.problem.outside(min_count).at(node=None, pathology=None).wire()
                for finding in found
            ]
    return out


def _folders(
    context: NodeContext, pathologies: Collection[str] | None
) -> Iterable[tuple[str, Folder | OSError]]:
    if not context.has_data:
        return
    data_disk.require(context)
    data_path.check(context.data_path, context.state, node=context.node.id)
    gone = data_path.gone_mounts(context.data_path, context.state)
    home = Folder.at(context.data_path)
    for name in data_path.pathologies(home).names:
        if name not in gone and (pathologies is None or name in pathologies):
            try:
                folder = home.folder(name)
            except OSError as error:
                yield name, error
            else:
                yield name, folder


def _gone(context: NodeContext, pathologies: Collection[str] | None) -> Iterable[str]:
    """The pathologies whose own disk is not mounted: nothing is made in its place."""
    if not context.has_data:
        return
    for name in data_path.gone_mounts(context.data_path, context.state):
        if pathologies is None or name in pathologies:
            yield name


def _reported(context: NodeContext, pathology: str) -> bool:
    return (Folder.at(context.data_path) / report.name_of(pathology)).exists()


def _rows(context: NodeContext) -> bool:
    return context.node.role != "master"


def _to_json(context: NodeContext, compiled: Compiled) -> dict[str, Any]:
    counts = FileRecord("", rows=compiled.rows, datasets=compiled.datasets)
    return {
        "status": compiled.status,
        "changed": compiled.changed,
        "reason": compiled.reason,
        "rows": counts.masked(context.federation.min_count).rows if compiled.files else 0,
        "datasets": [code for code, _ in compiled.datasets],
        "seconds": round(compiled.seconds, 3),
        "files": dict(compiled.files),
        "problems": [
            problem.outside(context.federation.min_count).at(node=None, pathology=None).wire()
            for problem in compiled.problems
        ],
    }
