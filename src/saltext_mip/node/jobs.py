"""The steps that the pusher sends: what a node answers, and what it does in a transaction.

A job is a process of its own that imports what it needs, so what few steps need they import.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saltext_mip import wire
from saltext_mip.data import data_path
from saltext_mip.data.inventory import collect as inventories
from saltext_mip.errors import NodeError
from saltext_mip.node import watch_data
from saltext_mip.node.context import NodeContext
from saltext_mip.node.inventory import collect_inventory
from saltext_mip.storage import atomic, paths
from saltext_mip.storage import paths as state_paths
from saltext_mip.transaction import participant

SPOOL = "spool"
SPOOL_AGE = 3600.0  # seconds that the later pages of an answer are kept


def inventory(
    here: NodeContext, known: Sequence[str] = (), *, follow: bool = False, settle: float = 0.0
) -> Any:
    """What this node has. A packed value.

    ``{"inventory"}`` of a worker or the master, whose CDEs' bytes stand under ``contents`` (by
    SHA-256, as latin-1 text) unless ``known``; ``{"pathologies_sha256"}`` of the ui.

    With ``follow`` the pusher acts on what it is told, so that the beacon has no need to say it any
    more; ``{"settling": true}`` where files changed within the last ``settle`` seconds.
    """
    if not here.has_data:
        return packed(here, {"pathologies_sha256": _sha256(here.federation.pathologies_path)})
    before = watch_data.scan(here.data_path, here.state) if follow else None
    if before and watch_data.settling(here.state, before, settle, time.time()):
        return packed(here, {"settling": True})
    seen = collect_inventory(here)
    if before:
        watch_data.acknowledge(here.state, before)
    answer: dict[str, Any] = {"inventory": seen.wire(here.federation.min_count)}
    if here.node.role == "master":
        contents = {}
        for pathology in seen.pathologies:
            if pathology.cde is None or pathology.cde in known:
                continue
            folder = paths.inside(here.data_path, pathology.name)
            content = data_path.cde_content(folder)
            contents[hashlib.sha256(content).hexdigest()] = content.decode("latin-1")
        answer["contents"] = contents
    return packed(here, answer)


def verify(here: NodeContext, parts: Sequence[str]) -> Any:
    """Check the files against CDEs that are to come; the inventory again, which says what of it.

    ``parts`` are the packed ``{pathology: CDE}``, their bytes as latin-1 text.
    """
    inventories.verify(
        here.data_path,
        here.state,
        federation=here.federation.name,
        node=here.node.id,
        cdes={name: text.encode("latin-1") for name, text in wire.unpack(parts).items()},
        subjectcode=here.subjectcode,
    )
    return packed(here, collect_inventory(here).wire(here.federation.min_count))


def page(here: NodeContext, sha256: str, number: int) -> dict[str, Any]:
    """A further page of an answer that was too large for one."""
    path = paths.inside(here.state / SPOOL, sha256)
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        raise NodeError("the rest of the answer is not kept any more; ask again") from None
    try:
        return wire.page(text, number)
    except ValueError as exc:
        raise NodeError(str(exc)) from None


def stage(here: NodeContext, transaction: str, parts: Sequence[str]) -> dict[str, Any]:
    """Write what is to come beside what it replaces: ``{"staged": how many}``."""
    sent = wire.unpack(parts)
    entries = [
        participant.Entry.from_wire(
            {
                "kind": kind,
                "pathology": name,
                "sha256": sha,
                "replaces": replaces,
                "content": sent["contents"][sha],
            }
        )
        for kind, name, sha, replaces in sent["nodes"][here.node.id]
    ]
    staged = participant.stage(
        participant_place(here), transaction, entries, database=_rowless(here)
    )
    return {"staged": len(staged)}


def commit(here: NodeContext, transaction: str) -> dict[str, Any]:
    """Put what was staged in its place: ``{"committed": how many}``."""
    with watch_data.own_changes(here.data_path if here.has_data else None, here.state):
        return {"committed": len(participant.commit(participant_place(here), transaction))}


def abort(here: NodeContext, transaction: str) -> dict[str, Any]:
    """Drop what was staged: ``{"aborted": whether there was anything}``."""
    return {"aborted": participant.abort(participant_place(here), transaction)}


def enrol(here: NodeContext) -> dict[str, bool]:
    """A person's word that the data path is as it should be: ``{"changed", "bare", "there"}``."""
    if not here.has_data:
        return {"changed": False, "bare": False, "there": False}
    changed = data_path.enrol_again(here.data_path, here.state, federation=here.federation.name)
    there = here.data_path.is_dir()
    return {
        "changed": changed,
        "bare": there and data_path.is_bare(here.data_path),
        "there": there,
    }


def compile_databases(
    here: NodeContext, pathologies: Sequence[str] | None = None, *, force: bool, strict: bool
) -> Any:
    """Compile what is stale. A packed value."""
    from saltext_mip.node import databases as own_databases

    return packed(here, own_databases.compile_all(here, pathologies, force=force, strict=strict))


def databases(here: NodeContext, pathologies: Sequence[str] | None = None) -> Any:
    """Which databases are current. A packed value."""
    from saltext_mip.node import databases as own_databases

    return packed(here, own_databases.states(here, pathologies))


def participant_place(here: NodeContext) -> participant.Place:
    """This node as staging sees it."""
    return participant.Place(
        federation=here.federation.name,
        node=here.node.id,
        state=here.state,
        data_path=here.data_path if here.has_data else None,
        pathologies_path=None if here.has_data else here.federation.pathologies_path,
    )


def host_keys(here: NodeContext) -> list[str]:  # noqa: ARG001 - every step is told where it is
    """The public host keys of this machine's sshd, ``type base64`` each."""
    from saltext_mip import host_keys as ssh_host_keys

    return ssh_host_keys.own_keys(ssh_host_keys.HOST_KEYS)


def component_logs(here: NodeContext, component: str | None, lines: int, since: str | None) -> Any:
    """The last lines of a component of this node. A packed value."""
    from saltext_mip.node import logs

    which = component or logs.COMPONENTS[here.node.role]
    return packed(here, logs.component_log(logs.connected(), which, lines, since, time.time()))


def _rowless(here: NodeContext) -> participant.Database | None:
    """How a pathology's new folder gets its database: on the master, which may have none yet."""
    if here.node.role != "master":
        return None

    def make(pathology: str, cde: bytes, target: Path) -> None:
        from saltext_mip.data.cde.model import parse
        from saltext_mip.data.database.compiler import rowless

        rowless(parse(cde, pathology=pathology), target, subjectcode=here.subjectcode)

    return make


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def packed(here: NodeContext, value: Any) -> dict[str, Any]:
    """A value of any size as the first page of it; the others are fetched by :func:`page`."""
    text = wire.deflate(value)
    first = wire.page(text)
    if first["pages"] > 1:
        spool = here.state / SPOOL
        state_paths.private_folder(spool)
        _forget_old(here)
        atomic.replace(spool / first["sha256"], text.encode("ascii"), mode=0o600)
    return first


def _forget_old(here: NodeContext) -> None:
    now = time.time()
    for path in (here.state / SPOOL).iterdir():
        if now - path.stat().st_mtime > SPOOL_AGE:
            path.unlink(missing_ok=True)
