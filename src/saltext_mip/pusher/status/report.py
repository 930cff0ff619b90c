"""The federation's status: observed against desired, as conditions and problems, problems first.

All nodes are asked in one job with a short timeout: status must be useful while half of them are
down. A fact that cannot be observed is ``Unknown``, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import UNSET, structs, to_builtins

from saltext_mip import conditions
from saltext_mip.conditions import Condition, Status
from saltext_mip.data.inventory.fingerprints import comparable
from saltext_mip.federation import Node
from saltext_mip.generations.generation import Generation
from saltext_mip.problems import Problem
from saltext_mip.pusher import control, forgeries, roles
from saltext_mip.pusher import nodes as members
from saltext_mip.pusher.answers import reason_of, sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.reachability import UNCERTAIN, Reason
from saltext_mip.pusher.services import deploy_failures
from saltext_mip.pusher.services.availability import disabled_hosts
from saltext_mip.pusher.status import labels, notify
from saltext_mip.pusher.status import services as status_services
from saltext_mip.pusher.status.pusher_state import Recording, pusher_conditions
from saltext_mip.pusher.status.snapshot import SentData, SentStatus, Snapshot, take_snapshot
from saltext_mip.pusher.status.usable import not_usable, todo, usability
from saltext_mip.results import (
    MemberInfo,
    PathologyStatus,
    ReportedCondition,
    StatusResult,
    Versions,
)
from saltext_mip.rules import RULES
from saltext_mip.storage.state import CONDITIONS, StateBroken, read_state, write_state
from saltext_mip.swarm.engines.interface import expected, without
from saltext_mip.text import first_of
from saltext_mip.watch import observation


def status(pusher: Pusher, *, check: bool = False, timeout: float = 120.0) -> StatusResult:
    """The result of ``mip.status``. A node that is down is reported; it is not an error."""
    recording = Recording()
    snapshot = take_snapshot(pusher, timeout, recording)
    with recording.attempt():
        control.suspended(pusher.store, pusher.now())  # one that expired is recorded as ended
    found = [
        *pusher_conditions(pusher, recording),
        _workers(pusher, snapshot),
        _data(snapshot),
        _consolidated(pusher, snapshot),
        _compiled(snapshot),
        status_services.deployed(pusher, snapshot),
        status_services.served(pusher, snapshot),
        *_roles(pusher, snapshot.generation),
        *notify.conditions(pusher),
        *control.conditions(pusher),
        *forgeries.conditions(pusher.state, pusher.now()),
    ]
    usable = usability(pusher, snapshot)
    summary = conditions.ready(found, not_usable(usable))
    settled = _since(pusher, [summary, *found], snapshot.generation, recording)
    sync, health = conditions.axes(settled)
    ready = next(condition for condition in settled if condition.type == "Ready")
    ok = ready.status == "True"
    problems, resolved = observation.annotated(
        pusher.state, pusher.report(_problems(pusher, snapshot)), pusher.now()
    )
    return StatusResult(
        federation=pusher.federation.name,
        ok=ok,
        sync=sync,
        health=health,
        conditions=list(map(ReportedCondition.of, settled)),
        generation=snapshot.generation.number if snapshot.generation else None,
        nodes=_nodes(pusher, snapshot),
        services=status_services.service_infos(pusher, snapshot),
        pathologies=_pathologies(pusher, snapshot),
        usable=usable,
        todo=todo(pusher, snapshot) or UNSET,
        problems=problems,
        resolved=UNSET if resolved is None else resolved,
        retcode=1 if check and not ok else UNSET,
    )


def _workers(pusher: Pusher, snapshot: Snapshot) -> Condition:
    missing = [node.id for node in snapshot.asked if node.id in snapshot.unreachable]
    if not missing:
        return Condition("WorkersReachable", "True", "AllAnswer", "all nodes respond")
    found = {each.rule for node in missing if (each := _reason(pusher, snapshot, node))}
    workers = [node for node in missing if pusher.federation.by_id(node).role == "worker"]
    several = "WorkerMissing" if workers == missing else "NodeMissing"
    reason = next(iter(found)) if len(found) == 1 else several
    message = "; ".join(f"{node}: {snapshot.unreachable[node]}" for node in missing)
    known: Status = "Unknown" if found <= UNCERTAIN else "False"
    return Condition("WorkersReachable", known, reason, message)


def _reason(pusher: Pusher, snapshot: Snapshot, node: str) -> Reason | None:
    role = pusher.federation.by_id(node).role
    missing = "WorkerMissing" if role == "worker" else "NodeMissing"
    return reason_of(snapshot.answers, node, missing, "NodeFailed")


def _data(snapshot: Snapshot) -> Condition:
    gone: list[tuple[str, str]] = [
        (sent.data.status, f"{node.id}: {_why_gone(sent.data)}")
        for node, sent in snapshot.answered()
        if sent.data is not None and sent.data.status != "ok"
    ]
    for node, sent in snapshot.answered():
        for name, of in sent.data.pathologies.items() if sent.data is not None else ():
            if of.unknown is not None:
                gone.append((of.unknown, f"{node.id}: {sanitize(name)}: {RULES[of.unknown].text}"))
    if gone:
        message = "; ".join(why for _, why in gone)
        return Condition("DataValid", "False", gone[0][0], message)
    if snapshot.generation is None:
        return Condition("DataValid", "Unknown", "NeverConsolidated", "no data was checked yet")
    wrong = [
        problem for problem in _data_problems(snapshot.generation) if problem.severity == "error"
    ]
    if wrong:
        what = "1 problem" if len(wrong) == 1 else f"{len(wrong)} problems"
        message = f"{what} in generation {snapshot.generation.number}"
        return Condition("DataValid", "False", "DataProblems", message)
    return Condition("DataValid", "True", "NoProblems", "all files match their CDEs")


def _why_gone(data: SentData) -> str:
    text = RULES[data.status].text
    return f"{text} ({sanitize(data.about)})" if data.about else text


def _data_problems(generation: Generation) -> Iterator[Problem]:
    for problem in generation.problems:
        yield Problem.from_wire(
            problem.get("node") or "", {k: v for k, v in problem.items() if k != "node"}
        )


def _consolidated(pusher: Pusher, snapshot: Snapshot) -> Condition:
    generation = snapshot.generation
    empty = _is_empty(snapshot)
    if generation is None and not empty:
        return Condition("Consolidated", "False", "NeverConsolidated", "no generation yet")
    if generation is None:
        if snapshot.unreachable:
            return Condition("Consolidated", "Unknown", "NoAnswer", _no_answer(snapshot))
        return Condition("Consolidated", "Unknown", "NothingDeclared", NOTHING)
    changed = []
    for node, sent in snapshot.answered():
        changed += [f"{node.id}: {what}" for what in _changed(node, sent, generation)]
    if changed:
        return Condition("Consolidated", "False", "DataChanged", first_of(changed, 5, "; "))
    if relabelled := list(labels.differing(pusher, generation)):
        return Condition("Consolidated", "False", "LabelsDiffer", first_of(relabelled, 5, "; "))
    pending = [node for node in generation.pending if node in pusher.federation.ids]
    if pending:
        message = f"{', '.join(pending)} did not receive it yet"
        return Condition("Consolidated", "False", "NotDistributed", message)
    if snapshot.unreachable:
        return Condition("Consolidated", "Unknown", "NoAnswer", _no_answer(snapshot))
    if empty and not generation.pathologies:
        return Condition("Consolidated", "Unknown", "NothingDeclared", NOTHING)
    return Condition("Consolidated", "True", "UpToDate", f"generation {generation.number}")


VERSION_LENGTH = 40  # characters
_VERSION = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6}){1,3}(?:[.+~-]?[a-z0-9]{1,12}){0,3}")
NOTHING = "nothing declared yet: no node has a pathology"


def _is_empty(snapshot: Snapshot) -> bool:
    """Whether no node that answered has a pathology."""
    return not any(
        sent.data is not None and sent.data.pathologies for _, sent in snapshot.answered()
    )


def _changed(node: Node, sent: SentStatus, generation: Generation) -> Iterator[str]:
    """The differences of one node from the generation."""
    if node.role == "ui":
        if sent.pathologies_json != generation.pathologies_json:
            yield "pathologies.json differs"
        return
    if sent.data is None or sent.data.status != "ok":
        return
    there = sent.data.pathologies
    unknown = {name for name, of in there.items() if of.unknown is not None}
    for name, sha in generation.cdes.items():
        if name in unknown:
            continue
        own = there[name].cde if name in there else None
        if (name in there or node.role == "master") and own != sha:
            yield f"the CDE of {sanitize(name)} differs"
    known = generation.files.get(node.id, {})
    for name in sorted({*there, *known} - unknown):
        now = there[name].files if name in there else {}
        then = {file.name: file.sha256 for file in known.get(name, ())}
        kept = {file.name for file in known.get(name, ()) if file.kept}
        refused = {problem.get("file") for problem in generation.problems}
        files = sorted(
            file
            for file in {*now, *then}
            if _differs(now.get(file), then.get(file))
            and file not in kept
            and not (name in there and file in there[name].written)
            and not (file in refused and file not in then)
        )
        if files and (node.role == "worker" or name in known):
            yield f"{sanitize(name)}: {', '.join(map(sanitize, files[:3]))} changed"


def _differs(now: str | None, then: str | None) -> bool:
    """Whether a file is another one, or its fingerprint cannot tell: the next look does."""
    if now is None or then is None:
        return now != then
    return now != then and comparable(now, then)


def _compiled(snapshot: Snapshot) -> Condition:
    stale = [
        f"{node.id}: {sanitize(name)} ({sanitize(of.reason or 'stale')})"
        for node, sent in snapshot.answered()
        for name, of in sorted(sent.databases.items())
        if not of.current
    ]
    if stale:
        return Condition("Compiled", "False", "DatabasesStale", "; ".join(stale[:5]))
    if snapshot.unreachable:
        return Condition("Compiled", "Unknown", "NoAnswer", _no_answer(snapshot))
    if _is_empty(snapshot):
        return Condition("Compiled", "Unknown", "NothingDeclared", NOTHING)
    return Condition("Compiled", "True", "UpToDate", "all databases are current")


def _roles(pusher: Pusher, generation: Generation | None) -> Iterator[Condition]:
    if not roles.configured(pusher):
        return
    state = roles.RolesState.load(pusher.state)
    number = generation.number if generation else None
    if state is None:
        yield Condition("RolesSynced", "Unknown", "NotAsked", "never synced")
    elif not state.ok:
        yield Condition("RolesSynced", "False", "KeycloakUnavailable", sanitize(state.message))
    elif state.generation != number:
        message = f"synced with generation {state.generation}"
        yield Condition("RolesSynced", "False", "RolesDiffer", message)
    else:
        yield Condition("RolesSynced", "True", "Synced", f"generation {number}")


def _no_answer(snapshot: Snapshot) -> str:
    return f"no answer from {', '.join(snapshot.unreachable)}"


def _since(
    pusher: Pusher,
    found: list[Condition],
    generation: Generation | None,
    recording: Recording,
) -> tuple[Condition, ...]:
    """The conditions with ``since``, from the last ones recorded; records them."""
    path = pusher.state / CONDITIONS
    try:
        before = [Condition.from_value(value) for value in read_state(path) or ()]
    except (
        StateBroken,
        KeyError,
        TypeError,
        ValueError,
    ):  # written by another version: start again
        before = []
    own = {condition.type: condition.since for condition in found if condition.since}
    when = pusher.now().isoformat(timespec="seconds")
    number = generation.number if generation else None
    settled = tuple(
        Condition(
            c.type, c.status, c.reason, c.message, own.get(c.type, c.since), c.generation or number
        )
        for c in conditions.settled(before, found, when)
    )
    with recording.attempt():
        write_state(path, to_builtins(list(map(ReportedCondition.of, settled))))
    return settled


def _problems(pusher: Pusher, snapshot: Snapshot) -> Iterator[Problem]:
    """Those of now, and those of the last generation's data that are not the same."""
    now = list(_problems_now(pusher, snapshot))
    yield from now
    known = {(each.rule, each.node, each.pathology, each.file) for each in now}
    for each in _data_problems(snapshot.generation) if snapshot.generation else ():
        if (each.rule, each.node, each.pathology, each.file) not in known:
            yield each


def _problems_now(pusher: Pusher, snapshot: Snapshot) -> Iterator[Problem]:
    for node in snapshot.asked:
        if found := _reason(pusher, snapshot, node.id):
            yield Problem(found.rule, node=node.id, about=found.about)
    for node, sent in snapshot.answered():
        if sent.data is not None:
            yield from _data_path_problems(node, sent.data)
    if snapshot.services is not None:
        for name, why in sorted(status_services.not_serving(snapshot).items()):
            node_id = snapshot.services.services[name].node
            yield Problem("ServiceNotServing", node=node_id or None, about=f"{name}: {why}")
        if not snapshot.services.swarm:
            reason, message = status_services.swarm_reason(snapshot.services)
            if reason in RULES:
                yield Problem(reason, node=pusher.federation.master.id, about=message)
    for node_id, why in deploy_failures.failures(pusher).items():
        yield Problem("DeployFailed", node=node_id or None, about=why)


def _data_path_problems(node: Node, data: SentData) -> Iterator[Problem]:
    if data.status != "ok":
        about = sanitize(data.about) if data.about else None
        yield Problem(data.status, node=node.id, about=about)
    for name, of in sorted(data.pathologies.items()):
        if of.unknown is not None:
            yield Problem(of.unknown, node.id, sanitize(name))
    for name, files in sorted(data.open.items()):
        for file in files:
            yield Problem("FileOpen", node.id, sanitize(name), sanitize(file))


def _nodes(pusher: Pusher, snapshot: Snapshot) -> dict[str, MemberInfo]:
    entries = snapshot.services.nodes if snapshot.services else {}
    unreachable = snapshot.unreachable
    found = {}
    for node_id, info in members.list_nodes(pusher, ask=False).nodes.items():
        swarm = entries[node_id].state if node_id in entries else None
        swarm = swarm if snapshot.services else "unknown"
        facts = {**structs.asdict(info), "reason": unreachable.get(node_id, info.reason)}
        up = snapshot.up(node_id)
        if up is not None and (up != info.up or info.age):  # it could not be recorded
            facts |= {"up": up, "age": 0, "asked": pusher.now().isoformat(timespec="seconds")}
            facts |= {} if up == info.up else {"since": None}
        if (sent := snapshot.answers.values.get(node_id)) is not None:
            facts |= {"versions": _versions(snapshot, node_id, sent)}
            facts |= {} if sent.free is None else {"free": sent.free}
        found[node_id] = MemberInfo(**facts, swarm=swarm)
    return found


def _versions(snapshot: Snapshot, node: str, sent: SentStatus) -> Versions:
    """They become labels of metrics: what is not a version is left out."""
    return Versions(
        mip=_version(snapshot.answers.versions.get(node)),
        salt=_version(sent.salt),
        docker=_version(sent.swarm.docker),
    )


def _version(text: str | None) -> str:
    valid = text is not None and len(text) <= VERSION_LENGTH and _VERSION.fullmatch(text)
    return text if text is not None and valid else "unknown"


def _pathologies(pusher: Pusher, snapshot: Snapshot) -> dict[str, PathologyStatus]:
    """By name: its datasets, where it is compiled or stale, and whether all is served."""
    found = {}
    generation = snapshot.generation
    names = set(generation.pathologies if generation else ())
    databases = {node.id: sent.databases for node, sent in snapshot.answered() if node.role != "ui"}
    names |= {name for of in databases.values() for name in of}
    disabled = disabled_hosts(pusher)
    wanted = without(expected(pusher.federation, generation), disabled)
    for name in sorted(names):
        served = None
        if snapshot.services is not None and snapshot.services.served.datasets is not None:
            have = without(snapshot.services.served.datasets, disabled).get(name, {})
            served = bool(generation) and have == wanted.get(name, {})
        datasets = generation.pathologies.get(name, {}) if generation else {}
        found[sanitize(name)] = PathologyStatus(
            datasets={code: list(nodes) for code, nodes in datasets.items()},
            compiled=sorted(n for n, of in databases.items() if name in of and of[name].current),
            stale={
                node: sanitize(of[name].reason or "stale")
                for node, of in databases.items()
                if name in of and not of[name].current
            },
            generation=generation.number if generation and served else None,
            served=served,
        )
    return found
