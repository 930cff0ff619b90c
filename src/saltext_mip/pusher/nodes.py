"""The federation's nodes: list them, check their connection, disable and enable them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, structs

from saltext_mip import __version__
from saltext_mip import host_keys as ssh_host_keys
from saltext_mip.errors import Misuse
from saltext_mip.federation import Federation, Node
from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.pusher.answers import Answers, hint, reasons, sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.generations import listed
from saltext_mip.pusher.nodes_seen import Availability, record_availability
from saltext_mip.pusher.services import join_token
from saltext_mip.results import (
    CheckNodesResult,
    MembershipResult,
    NodeInfo,
    NodesResult,
    Override,
    SshAccess,
)
from saltext_mip.storage.atomic import replace
from saltext_mip.storage.paths import private_folder
from saltext_mip.storage.state import (
    KNOWN_HOSTS,
)
from saltext_mip.text import when

NEVER_ASKED = 15.0  # seconds for nodes of which nothing is known when the list is asked for


class SentEnrolment(Struct, frozen=True):
    """What a node answers to an enrolment: whether its data path exists, and has no pathology."""

    changed: bool
    there: bool
    bare: bool = False


class SentHostKeys(Struct, frozen=True):
    """What a node answers to a check: its ssh host keys, and since when its minion runs."""

    keys: Any
    uptime: float | None = None


def list_nodes(
    pusher: Pusher, *, host_keys: bool | str | None = None, ask: bool = True
) -> NodesResult:
    """All nodes with what is known of them, and how ssh reaches them.

    Asks no node but those that were never asked, and with ``host_keys`` those whose ssh host keys
    are not known: all, or one. Without ``ask`` none.
    """
    notes = []
    why = _never_asked(pusher) if ask and not host_keys else {}
    if host_keys:
        name = None if host_keys is True else str(host_keys)
        notes = unknown_host_keys(pusher, [node.id for node in _targets(pusher.federation, name)])
    return NodesResult(
        notes=notes or UNSET,
        federation=pusher.federation.name,
        nodes=_node_infos(pusher, Availability(pusher.state), why),
        ssh=SshAccess(
            **pusher.federation.settings["ssh"],
            known_hosts=str(pusher.state / KNOWN_HOSTS),
        ),
    )


def _never_asked(pusher: Pusher) -> dict[str, str]:
    """Check the connection to nodes of which nothing is known yet; why some do not respond."""
    availability = Availability(pusher.state)
    asked = [node for node in pusher.federation.ids if availability.of(node)["up"] is None]
    if not asked:
        return {}
    pusher.progress(f"checking the connection to {', '.join(asked)}")
    answers = pusher.ask_within("host_keys", asked, NEVER_ASKED).decoded(SentHostKeys | list)
    record_availability(pusher, answers, asked)
    return reasons(answers)


def check_nodes(pusher: Pusher, name: str | None) -> CheckNodesResult:
    """Check the connection to all nodes, or to one; disabled nodes too, which stay disabled."""
    nodes = _targets(pusher.federation, name)
    answers = _ask_host_keys(pusher, [node.id for node in nodes])
    record_availability(pusher, answers, [node.id for node in nodes])
    availability = Availability(pusher.state)
    refused = _record_host_keys(pusher, answers)
    down = [node for node in answers.missing if node not in pusher.store.disabled()]
    found = {
        node: info
        for node, info in _node_infos(pusher, availability, reasons(answers)).items()
        if node in {node.id for node in nodes}
    }
    notes = [
        *(f"{node}: {hint(answers, node)}" for node in answers.missing),
        *(f"{node}: its ssh host keys are not recorded: {why}" for node, why in refused.items()),
        *_skew(answers.versions),
    ]
    return CheckNodesResult(
        federation=pusher.federation.name,
        nodes=found,
        versions={node: sanitize(version) for node, version in answers.versions.items()},
        notes=notes or UNSET,
        down=down or UNSET,
        retcode=1 if down else UNSET,
    )


def _skew(versions: Mapping[str, str]) -> list[str]:
    """What to do about nodes whose extension is not of the pusher's version."""
    other: dict[str, list[str]] = {}
    for node, version in versions.items():
        if version != __version__:
            other.setdefault(version, []).append(node)
    return [
        f"{', '.join(nodes)}: saltext-mip {version}, and the pusher has {__version__}. Where it is "
        "the older one: salt-pip install --upgrade (without --upgrade the old code stays), then "
        "restart salt-minion (on the pusher: salt-master)"
        for version, nodes in other.items()
    ]


def unknown_host_keys(pusher: Pusher, nodes: Sequence[str]) -> list[str]:
    """Ask those of these nodes whose ssh host keys are not known; a note for each without them."""
    before = ssh_host_keys.known(_known_hosts(pusher))
    asked = [node for node in nodes if node not in before]
    if not asked:
        return []
    pusher.progress(f"asking for the ssh host keys of {', '.join(asked)}")
    answers = _ask_host_keys(pusher, asked)
    why = {**reasons(answers), **_record_host_keys(pusher, answers)}
    after = ssh_host_keys.known(_known_hosts(pusher))
    return [
        f"{node}: its ssh host keys are not known, so ssh does not connect: "
        f"{why.get(node, 'it has none')}"
        for node in asked
        if node not in after
    ]


def _known_hosts(pusher: Pusher) -> str:
    path = pusher.state / KNOWN_HOSTS
    return path.read_text("utf-8") if path.exists() else ""


def _ask_host_keys(pusher: Pusher, nodes: Sequence[str]) -> Answers:
    return pusher.ask("host_keys", nodes).decoded(SentHostKeys | list)


def _record_host_keys(pusher: Pusher, answers: Answers) -> dict[str, str]:
    """Record the nodes' ssh host keys, which come through Salt, in our own ``known_hosts``.

    Returns the reason by minion id for each node that answered and whose keys were not recorded;
    it keeps its old lines.
    """
    why = {node: sanitize(text) for node, text in answers.failed.items()}
    keys = {}
    for node, value in answers.values.items():
        try:
            sent = value.keys if isinstance(value, SentHostKeys) else value
            keys[node] = ssh_host_keys.checked_keys(sent)
        except ValueError as exc:
            why[node] = str(exc)
    path = pusher.state / KNOWN_HOSTS
    before = _known_hosts(pusher)
    after = ssh_host_keys.known_hosts(before, keys)
    if after != before:
        private_folder(path.parent)
        replace(path, after.encode(), mode=0o600)
    return why


def disable(
    pusher: Pusher, name: str | None, reason: str | None, *, dry_run: bool
) -> MembershipResult:
    """Disable a node: it gets no jobs, and the next consolidation removes its datasets.

    A copy of the Swarm's join token that it has is of no use to it any more.
    """
    node = _required_node(pusher.federation, name, "disable")
    already = node.id in pusher.store.disabled()
    rotates = not already and join_token.token(pusher.state) is not None
    not_rotated = None
    if not already and not dry_run:
        moment = pusher.now().isoformat(timespec="seconds")
        pusher.store.disable(node.id, Override(pusher.actor, moment, reason or ""))
        pusher.record("disabled", about=node.id, message=reason or "")
        not_rotated = join_token.rotate(pusher) if rotates else None
    leaving = [] if already else listed.leaving(pusher, node)
    item = PlanItem(
        NOTHING if already else "disable",
        node.id,
        "already disabled" if already else (reason or "requested"),
    )
    rotation = PlanItem("rotate", "the Swarm's join token", f"{node.id} may have a copy of it")
    plan = [item, rotation] if rotates else [item]
    result = membership_result(pusher, node, plan, dry_run=dry_run)
    if not_rotated:
        return structs.replace(result, notes=[not_rotated, *leaving], retcode=1)
    return structs.replace(result, notes=leaving or UNSET)


def enable(pusher: Pusher, name: str | None, *, dry_run: bool) -> MembershipResult:
    """Enable a node, and enrol its data path as it is now."""
    node = _required_node(pusher.federation, name, "enable")
    before = pusher.store.disabled().get(node.id)
    disabled = before is not None
    plan = [
        PlanItem("enable", node.id, f"disabled by {before.actor} since {when(before.when)}")
        if before
        else PlanItem(NOTHING, node.id, "already enabled")
    ]
    if disabled and not dry_run:
        pusher.store.enable(node.id)
        pusher.record("enabled", about=node.id)
    if node.role == "ui":
        return membership_result(pusher, node, plan, dry_run=dry_run)
    back = listed.returning(pusher, node) if disabled else []
    enrol = PlanItem("enrol", str(node.data_path), "enrolled as it is now")
    if dry_run:
        result = membership_result(pusher, node, [*plan, enrol], dry_run=True)
        return structs.replace(result, notes=back or UNSET)
    answers = pusher.ask("enrol", [node.id]).decoded(SentEnrolment)
    if node.id not in answers.values:
        why = reasons(answers)[node.id]
        note = (
            f"its data path could not be enrolled: {why}. "
            "Run mip.enable again when the node is back."
        )
        result = membership_result(pusher, node, plan, dry_run=False)
        return structs.replace(result, notes=[f"{node.id}: {note}"], retcode=1)
    sent: SentEnrolment = answers.values[node.id]
    done = [enrol] if sent.changed else []
    notes = back
    if not sent.there:
        notes = [f"{node.id}: folder {node.data_path} not found yet."]
    elif sent.bare:
        notes = [
            f"{node.id}: {node.data_path} has no pathology folder: enrolled as new. "
            "If a disk should be mounted there, mount it and enable the node again."
        ]
    result = membership_result(pusher, node, [*plan, *done], dry_run=False)
    return structs.replace(result, notes=notes or UNSET)


def membership_result(
    pusher: Pusher, node: Node, plan: list[PlanItem], *, dry_run: bool
) -> MembershipResult:
    """What a command returns that changes how a node takes part."""
    changed = any(item.action != NOTHING for item in plan)
    return MembershipResult(
        federation=pusher.federation.name,
        changed=changed and not dry_run,
        nodes={node.id: _node_infos(pusher, Availability(pusher.state), {})[node.id]},
        plan=plan,
        dry_run=dry_run or UNSET,
    )


def _observed(pusher: Pusher, known: Mapping[str, Any]) -> dict[str, Any]:
    """What was observed of a node, with its age."""
    asked = known.get("asked")
    facts = {"up": known["up"], "since": known["since"]}
    if asked is None:
        return facts
    moment = datetime.fromisoformat(asked)
    age = pusher.now() - moment
    facts |= {"asked": asked, "age": max(0, int(age.total_seconds()))}
    if known["up"] and known["started"]:
        uptime = moment - datetime.fromisoformat(known["started"])
        facts["uptime"] = max(0, int(uptime.total_seconds()))
    return facts


def _targets(federation: Federation, name: str | None) -> tuple[Node, ...]:
    return federation.nodes if name is None else (federation.node(name),)


def _required_node(federation: Federation, name: str | None, action: str) -> Node:
    if name is None:
        raise Misuse(f"mip.{action} needs a node: node=<minion id or short name>.")
    return federation.node(name)


def _node_infos(
    pusher: Pusher, availability: Availability, why: Mapping[str, str]
) -> dict[str, NodeInfo]:
    disabled = pusher.store.disabled()
    drained = pusher.store.drained()
    return {
        node.id: NodeInfo(
            role=node.role,
            short=node.short,
            address=node.address,
            hospital=node.hospital,
            contact=node.contact,
            data_path=None if node.role == "ui" else str(node.data_path),
            enabled=node.id not in disabled,
            **_observed(pusher, availability.of(node.id)),
            reason=why.get(node.id, UNSET),
            disabled=disabled.get(node.id, UNSET),
            drained=drained.get(node.id, UNSET),
        )
        for node in pusher.federation.nodes
    }
