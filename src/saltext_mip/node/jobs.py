"""The steps that the pusher sends as jobs: queries, and a node's part in a transaction.

A job is a process of its own, which imports what it needs; what few steps need, these import. Where
the minion has the beacon ``mip_data``, its main process, from which jobs are forked, has all of
that in memory (:func:`preload`): the imports cost a job as much as Salt's own part of it.
"""

from __future__ import annotations

import hashlib
import importlib
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saltext_mip import wire
from saltext_mip.data import data_path
from saltext_mip.data.inventory import collect, trials
from saltext_mip.errors import MipError, NodeError
from saltext_mip.node import data_disk, watch_data
from saltext_mip.node.context import NodeContext
from saltext_mip.node.inventory import collect_inventory
from saltext_mip.storage import atomic, beneath, paths
from saltext_mip.storage.beneath import Folder, Where
from saltext_mip.storage.state import SPOOL
from saltext_mip.swarm.components import COMPONENTS
from saltext_mip.transaction import participant, payload

FREE_STEP = 1 << 24  # bytes
SPOOL_AGE = 3600.0  # seconds that the later pages of an answer are kept

# What steps import; nothing that starts threads, with which a process must not fork.
_IMPORTED_BY_STEPS = (
    "saltext_mip.host_keys",
    "saltext_mip.node.containers",
    "saltext_mip.node.databases",
    "saltext_mip.node.logs",
    "saltext_mip.node.preflight",
    "saltext_mip.node.services.enforce",
    "saltext_mip.node.services.status",
    "saltext_mip.node.swarm",
)


def preload(*names: str) -> None:
    """Import what steps need, and these modules: for the process that jobs are forked from."""
    for name in (*_IMPORTED_BY_STEPS, *names):
        importlib.import_module(name)


def inventory(
    context: NodeContext, known: Sequence[str] = (), *, follow: bool = False, settle: float = 0.0
) -> Any:
    """What this node has. A packed value.

    ``{"inventory"}`` of a worker or the master, whose CDEs' bytes are in ``contents`` (by SHA-256,
    as latin-1 text) unless ``known``; ``{"pathologies_sha256"}`` of the ui.

    With ``follow`` the pusher acts on the answer, so that the beacon need not report that state;
    ``{"settling": true}`` where files changed within the last ``settle`` seconds.
    """
    if not context.has_data:
        sha256 = _file_sha256(context.federation.pathologies_path)
        return packed(context, {"pathologies_sha256": sha256, "uptime": context.uptime})
    before = data_disk.look(context.data_path, context.state) if follow else None
    if before and watch_data.settling(context.state, before, settle, time.time()):
        return packed(context, {"settling": True, "uptime": context.uptime})
    found = collect_inventory(context)
    if before:
        watch_data.acknowledge(context.state, before)
    answer: dict[str, Any] = {"inventory": found.wire(context.federation.min_count)}
    answer["uptime"] = context.uptime
    if context.node.role == "master":
        contents = {}
        home = Folder.at(context.data_path)
        for pathology in found.pathologies:
            if pathology.cde is None or pathology.cde in known:
                continue
            content = data_path.cde_content(home.folder(pathology.name))
            contents[hashlib.sha256(content).hexdigest()] = content.decode("latin-1")
        answer["contents"] = contents
    return packed(context, answer)


def verify(context: NodeContext, parts: Sequence[str], *, job: str = "") -> Any:
    """Check the files against future CDEs; the inventory, with the problems found. A packed value.

    ``parts`` are the packed ``{pathology: CDE}``, their bytes as latin-1 text. Which CDEs the node
    was asked about is recorded, with the ``job``; too many of them in a day are refused.
    """
    data_disk.require(context)
    sent = {name: text.encode("latin-1") for name, text in wire.unpack(parts).items()}
    refused = trials.refused(
        context.data_path, context.state, sent, job=job, subjectcode=context.subjectcode
    )
    collect.verify(
        context.data_path,
        context.state,
        federation=context.federation.name,
        node=context.node.id,
        cdes={name: content for name, content in sent.items() if name not in refused},
        subjectcode=context.subjectcode,
        min_count=context.federation.min_count,
    )
    found = collect_inventory(context).refusing(refused)
    return packed(context, found.wire(context.federation.min_count))


def page(context: NodeContext, sha256: str, number: int) -> dict[str, Any]:
    """A further page of an answer that was too large for one."""
    path = paths.inside(context.state / SPOOL, sha256)
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise NodeError("the rest of the answer is no longer kept; run the command again") from None
    try:
        return wire.page(text, number)
    except ValueError as exc:
        raise NodeError(str(exc)) from None


def stage(context: NodeContext, transaction: str, parts: Sequence[str]) -> dict[str, Any]:
    """Write files beside those that they replace: ``{"staged": how many}``."""
    entries = payload.unpack(parts, context.node.id)
    data_disk.require(context)
    staged = participant.stage(
        participant_place(context), transaction, entries, database=_rowless(context)
    )
    return {"staged": len(staged)}


def commit(context: NodeContext, transaction: str) -> dict[str, Any]:
    """Rename what was staged into place: ``{"committed": how many}``."""
    data_disk.require(context)
    with watch_data.own_changes(context.data_path if context.has_data else None, context.state):
        return {"committed": len(participant.commit(participant_place(context), transaction))}


def abort(context: NodeContext, transaction: str) -> dict[str, Any]:
    """Remove what was staged: ``{"aborted": whether there was anything}``."""
    data_disk.require(context)
    return {"aborted": participant.abort(participant_place(context), transaction)}


def enrol(context: NodeContext) -> dict[str, bool]:
    """Enrol the data path as it is: ``{"changed", "bare", "there"}``."""
    if not context.has_data:
        return {"changed": False, "bare": False, "there": False}
    data_disk.require(context)
    path = context.data_path
    try:
        changed = data_path.enrol_again(path, context.state, federation=context.federation.name)
        there = path.is_dir()
        return {"changed": changed, "bare": there and data_path.is_bare(path), "there": there}
    except OSError as error:
        raise data_path.DataPathUnreadable(
            node=context.node.id, path=path, reason=error.strerror or str(error)
        ) from error


def compile_databases(
    context: NodeContext, pathologies: Sequence[str] | None = None, *, force: bool, strict: bool
) -> Any:
    """Compile what is stale. A packed value."""
    from saltext_mip.node import databases as own_databases

    return packed(
        context, own_databases.compile_all(context, pathologies, force=force, strict=strict)
    )


def hold_files(context: NodeContext, parts: Sequence[str]) -> dict[str, bool]:
    """Have databases keep files as they were: ``{"changed"}``.

    ``parts`` is the packed ``{pathology: {"kept": [file], "left_out": [file]}}``; no other files
    are held from now on.
    """
    from saltext_mip.data.database import held_files

    return {"changed": held_files.save(context.state, wire.unpack(parts))}


def databases(context: NodeContext, pathologies: Sequence[str] | None = None) -> Any:
    """Which databases are current. A packed value."""
    from saltext_mip.node import databases as own_databases

    return packed(context, own_databases.states(context, pathologies))


def participant_place(context: NodeContext) -> participant.Place:
    """This node as a participant of a transaction."""
    return participant.Place(
        federation=context.federation.name,
        node=context.node.id,
        state=context.state,
        data_path=context.data_path if context.has_data else None,
        pathologies_path=None if context.has_data else context.federation.pathologies_path,
    )


def host_keys(context: NodeContext) -> dict[str, Any]:
    """``{"keys": the public host keys of this machine's sshd, "type base64" each, "uptime"}``."""
    from saltext_mip import host_keys as ssh_host_keys

    keys = ssh_host_keys.own_keys(ssh_host_keys.HOST_KEYS)
    return {"keys": keys, "uptime": context.uptime}


def component_logs(
    context: NodeContext, component: str | None, lines: int, since: str | None
) -> Any:
    """The last lines of a component of this node. A packed value."""
    from saltext_mip.node import logs
    from saltext_mip.node.containers import local_docker

    name = component or COMPONENTS[context.node.role]
    return packed(context, logs.component_log(local_docker(), name, lines, since, time.time()))


def overview(context: NodeContext) -> dict[str, Any]:
    """``{"data", "databases", "pathologies_json"}``; of the ui only the last, ``None`` elsewhere.

    ``data`` is ``{"status", "about", "pathologies", "open"}``, of each pathology ``{"cde": SHA-256,
    "files": {name: SHA-256}, "written": [name], "unknown"}``: files that programs have open for
    writing, and the rule by which nothing is known of its files. ``open`` are the ``written`` files
    by pathology that were not written for a while.
    ``databases`` ``{name: {"current", "reason"}}``. Unchanged files are not read again.
    """
    if not context.has_data:
        sha256 = _file_sha256(context.federation.pathologies_path)
        return {"data": None, "databases": {}, "pathologies_json": sha256}
    from saltext_mip.node import databases as own_databases

    found = collect_inventory(context)
    value: dict[str, Any] = {
        "data": {
            "status": found.status,
            "about": found.absence.about if found.absence else None,
            "pathologies": {
                pathology.name: {
                    "cde": pathology.cde,
                    "unknown": pathology.unknown,
                    "files": {
                        file.name: file.sha256 for file in pathology.files if not file.is_open
                    },
                    "written": [file.name for file in pathology.files if file.is_open],
                }
                for pathology in found.pathologies
            },
        },
        "databases": {},
        "pathologies_json": None,
    }
    if found.status == "ok":
        value["data"]["open"] = watch_data.open_for_long(context.data_path, time.time())
    try:
        value["databases"] = own_databases.states(context, gone=False)  # the data tells
    except MipError:  # such as a disk that is not mounted: the status above reports it
        value["databases"] = {}
    return value


def node_status(context: NodeContext, secrets: Mapping[str, Any]) -> Any:
    """:func:`overview`, the minion's ``uptime`` in seconds, Salt's version (``salt``), the ``free``
    bytes, the place in the Swarm, and of the master the services. A packed value."""
    value = overview(context)
    value["uptime"] = context.uptime
    value["salt"] = context.salt
    usable = value["data"] is None or value["data"]["status"] == "ok"
    value["free"] = _free_space(context) if usable else None
    value["swarm"] = swarm_or_error(context)
    if context.node.role == "master":
        from saltext_mip.node.services import status

        try:
            value["services"] = status.status(context, secrets)
        except MipError as exc:
            value["services_error"] = str(exc)
    return packed(context, value)


def _free_space(context: NodeContext) -> int | None:
    """The bytes that are free at the data path, or at the ui's path; ``None``: it is not there.

    In whole steps of :data:`FREE_STEP`: the exact number tells how large a file is that was added.
    """
    path = context.data_path if context.has_data else context.federation.ui_path
    try:
        return shutil.disk_usage(path).free // FREE_STEP * FREE_STEP
    except OSError:
        return None


def swarm_or_error(context: NodeContext, public_key: bytes | None = None) -> dict[str, Any]:
    """The node's place in the Swarm, or the error of Docker, beside which the rest is reported."""
    from saltext_mip.node import swarm

    try:
        return swarm.observe_membership(context, public_key)
    except MipError as exc:
        return {"state": "unknown", "id": "", "cluster": "", "error": str(exc)}


def preflight_issues(
    context: NodeContext, public_key: bytes, pusher_time: float | None
) -> dict[str, Any]:
    """``{"findings", "swarm"}``: what services need and lack here; the place in the Swarm."""
    from saltext_mip.node import preflight

    return {
        "findings": [
            found.to_json() for found in preflight.check(context, pusher_time=pusher_time)
        ],
        "swarm": swarm_or_error(context, public_key),
    }


def changed_states(applied: Any) -> list[dict[str, Any]]:
    """What a state run (``state.apply``) returned, of states that changed or failed.

    ``[{"name", "result", "changes": {thing: [old, new]}, "comment"}]``
    """
    if not isinstance(applied, dict):
        return [{"name": "states", "result": False, "changes": {}, "comment": str(applied)}]
    out = []
    for tag, of in sorted(applied.items(), key=lambda item: item[1].get("__run_num__", 0)):
        if of["result"] is True and not of["changes"]:
            continue
        changes = {
            str(thing): [str(each.get("old", "")), str(each.get("new", ""))]
            if isinstance(each, dict)
            else ["", "changed"]
            for thing, each in of["changes"].items()
        }
        name = of.get("__id__") or tag
        out.append(
            {"name": name, "result": of["result"], "changes": changes, "comment": of["comment"]}
        )
    return out


def _rowless(context: NodeContext) -> participant.Database | None:
    """How a new pathology's folder gets its database, on the master."""
    if context.node.role != "master":
        return None

    def make(pathology: str, cde: bytes, target: Where) -> None:
        from saltext_mip.data.cde.model import parse
        from saltext_mip.data.database.compiler import rowless

        rowless(parse(cde, pathology=pathology), target, subjectcode=context.subjectcode)

    return make


def _file_sha256(path: Path) -> str | None:
    try:
        with beneath.opened(path) as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return None


def packed(context: NodeContext, value: Any) -> dict[str, Any]:
    """A value of any size as its first page; the others are fetched by :func:`page`."""
    try:
        text = wire.deflate_answer(value)
    except wire.TooLarge as exc:
        raise NodeError(f"its answer cannot be sent: {exc}") from None
    first = wire.page(text)
    if first["pages"] > 1:
        spool = context.state / SPOOL
        paths.private_folder(spool)
        _remove_old_pages(context)
        atomic.replace(spool / first["sha256"], text.encode("ascii"), mode=0o600)
    return first


def _remove_old_pages(context: NodeContext) -> None:
    now = time.time()
    for path in (context.state / SPOOL).iterdir():
        if now - path.stat().st_mtime > SPOOL_AGE:
            path.unlink(missing_ok=True)
