"""Gather the inventories of all enabled nodes in one job, and the CDEs of master and catalogue."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from saltext_mip.data.cde.catalogue import Answer, Catalogue
from saltext_mip.data.cde.model import CdeFound
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import BadAnswer, NodeError, NodesFailed
from saltext_mip.federation import Node
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.store import BlobDamaged
from saltext_mip.problems import Problem
from saltext_mip.pusher.answers import Answers, invalid, require, sanitize, unanswered
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.nodes_seen import record_availability
from saltext_mip.text import shown

CONTENT_LIMIT = 64 * 1024 * 1024


_SHA256 = re.compile("[0-9a-f]{64}")


class DataSettling(NodeError):
    """Files are being changed on {node}: they are read again once they no longer change."""

    permanent = False


@dataclass(frozen=True)
class Follow:
    """The pusher acts on the answer, so the nodes' beacons need not report the same state again.

    ``settle``: seconds for which files must be unchanged. A node whose files are being changed is
    absent and keeps what it had.
    """

    settle: float = 0.0


@dataclass(frozen=True)
class Gathered:
    """Inventories of the nodes that answered; a problem for each that did not, or not validly.

    ``cdes`` are the contents of the master's CDE files by pathology; ``ui_sha256`` is the digest
    of the ui's ``pathologies.json`` (``None`` if it has none).
    """

    inventories: Mapping[str, Inventory]
    absent: Mapping[str, Problem]
    cdes: Mapping[str, bytes]
    ui_sha256: str | None
    disabled: tuple[str, ...]


class OnlineCdes:
    """What the data catalogue answers. It may be slow: ask it outside of the federation's lock."""

    def __init__(self, pusher: Pusher, catalogue: Catalogue) -> None:
        self._pusher = pusher
        self._catalogue = catalogue
        self._answers: dict[str, Answer] = {}

    def lacking(self, gathered: Gathered | None, last: Generation | None) -> list[str]:
        """The pathologies for which it was not asked: with files, or of the last generation."""
        names = set(last.pathologies if last else ())
        for node, inventory in gathered.inventories.items() if gathered else ():
            if node != self._pusher.federation.master.id:
                names |= {each.name for each in inventory.pathologies if each.files}
        return sorted(names - self._answers.keys())

    def ask(self, names: Sequence[str]) -> None:
        """Ask for these; raises :class:`~saltext_mip.data.cde.catalogue.CatalogueError`."""
        self._pusher.progress(f"fetching {len(names)} CDEs from the data catalogue")
        self._answers |= self._catalogue.cdes(names)

    def instead_of(
        self, cdes: Mapping[str, CdeFound]
    ) -> tuple[dict[str, CdeFound], dict[str, str]]:
        """The CDEs, its own where it has one; why it has none, of pathologies without any."""
        found = dict(cdes)
        not_found: dict[str, str] = {}
        for name, answer in self._answers.items():
            if answer.content is not None:
                found[name] = CdeFound(answer.content, "catalogue")
            elif name in found:
                found[name] = replace(found[name], about=answer.reason)
            else:
                not_found[name] = answer.reason or ""
        return found, not_found


def gather(pusher: Pusher, last: Generation | None, *, follow: Follow | None = None) -> Gathered:
    """Ask all enabled nodes at once. The master and the ui must answer; workers may be absent."""
    disabled = tuple(pusher.store.disabled())
    asked = [node for node in pusher.federation.nodes if node.id not in disabled]
    recorded = {*last.cdes.values(), *last.other_cdes.values()} if last else set()
    known = [sha for sha in sorted(recorded) if _is_stored(pusher, sha)]
    pusher.progress(f"gathering the inventories of {len(asked)} nodes")
    more: dict[str, Any] = {"follow": True, "settle": follow.settle} if follow else {}
    answers = pusher.ask("inventory", [node.id for node in asked], known=known, **more)
    _record_availability(pusher, answers, [node.id for node in asked])
    require(answers, [node.id for node in asked if node.role != "worker"])

    inventories: dict[str, Inventory] = {}
    absent = {node.id: _no_answer(node, answers) for node in asked if node.id not in answers.values}
    cdes: dict[str, bytes] = {}
    ui_sha256 = None
    for node in asked:
        if node.id in absent:
            continue
        value = answers.values[node.id]
        try:
            if node.role == "ui":
                ui_sha256 = _sha256(node, _key(node, value, "pathologies_sha256"))
                continue
            if follow and isinstance(value, Mapping) and value.get("settling") is True:
                absent[node.id] = _settling(node)
                continue
            inventory = Inventory.from_wire(
                node.id, pusher.federation.name, _key(node, value, "inventory")
            )
            if node.role == "master":
                cdes = _contents(pusher, node, inventory, value, known)
        except BadAnswer as exc:
            if node.role != "worker":
                raise
            absent[node.id] = invalid(exc)
            continue
        if problem := _data_gone(node, inventory, last) or _cde_not_writable(node, inventory):
            absent[node.id] = problem
        else:
            inventories[node.id] = inventory
    _need_masters_data(pusher.federation.master, absent)
    return Gathered(inventories, absent, cdes, ui_sha256, disabled)


def _record_availability(pusher: Pusher, answers: Answers, asked: Sequence[str]) -> None:
    """Record who answered; what cannot be recorded is not in the way of what is done."""
    try:
        record_availability(pusher, answers, asked)
    except OSError as exc:
        pusher.progress(f"warning: not recorded which nodes responded: {exc.strerror}")


def _settling(node: Node) -> Problem:
    if node.role == "master":
        raise DataSettling(node=node.id)
    return Problem("Settling", node=node.id)


def _no_answer(node: Node, answers: Answers) -> Problem:
    problems = unanswered(answers, [node], "WorkerMissing", "WorkerFailed")
    return problems[0] if problems else Problem("WorkerMissing", node=node.id)


def _data_gone(node: Node, inventory: Inventory, last: Generation | None) -> Problem | None:
    """A data path that is not mounted, by the node's own record or, if that is lost, by ours.

    A node that did not get the last generation may never have been enrolled.
    """
    if inventory.absence:
        return inventory.absence
    if inventory.enrolled or last is None or node.id in last.pending:
        return None
    return Problem("MountGone", node=node.id) if last.files.get(node.id) else None


def _cde_not_writable(node: Node, inventory: Inventory) -> Problem | None:
    """A worker's CDE that is not a regular file: it cannot be replaced."""
    if node.role != "worker":
        return None
    for pathology in inventory.pathologies:
        problem = pathology.cde_problem
        if problem is not None and problem.rule in ("UnsafeName", "Unreadable"):
            why = problem.about or problem.definition.text
            about = sanitize(f"{pathology.name}/CDEsMetadata.json: {why}")
            return Problem("CdeNoFile", node=node.id, about=about)
    return None


def _is_stored(pusher: Pusher, sha256: str) -> bool:
    try:
        pusher.store.blob(sha256)
    except BlobDamaged:  # the master sends it again
        return False
    return True


def _need_masters_data(master: Node, absent: Mapping[str, Problem]) -> None:
    if problem := absent.get(master.id):
        rule = problem.definition
        raise NodesFailed(f"{rule.text}. {rule.hint}", nodes=master.id)


def _contents(
    pusher: Pusher,
    node: Node,
    inventory: Inventory,
    value: Mapping[str, Any],
    known: Sequence[str],
) -> dict[str, bytes]:
    """The CDEs' contents, sent now or stored here; each matches its digest."""
    sent: dict[str, bytes] = {}
    contents = value.get("contents", {})
    if not isinstance(contents, Mapping):
        raise BadAnswer("its contents have an unexpected format", node=node.id)
    for text in contents.values():
        if not isinstance(text, str) or len(text) > CONTENT_LIMIT:
            raise BadAnswer("a CDE has an unexpected format or is too large", node=node.id)
        try:
            content = text.encode("latin-1")
        except UnicodeEncodeError:
            raise BadAnswer("a CDE has an unexpected format", node=node.id) from None
        sent[hashlib.sha256(content).hexdigest()] = content
    found = {}
    for pathology in inventory.pathologies:
        if pathology.cde is None:
            continue
        if pathology.cde in sent:
            found[pathology.name] = sent[pathology.cde]
        elif pathology.cde in known:
            found[pathology.name] = pusher.store.blob(pathology.cde)
        else:
            raise BadAnswer(f"the CDE of '{shown(pathology.name)}' is missing", node=node.id)
    return found


def _key(node: Node, value: Any, key: str) -> Any:
    if not isinstance(value, Mapping) or key not in value:
        raise BadAnswer(f"'{key}' is missing", node=node.id)
    return value[key]


def _sha256(node: Node, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise BadAnswer("a digest has an unexpected format", node=node.id)
    return value
