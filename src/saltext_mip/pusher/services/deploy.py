"""Deploy: apply the states of all nodes, then the services, and wait until they serve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from msgspec import UNSET, Struct, structs

from saltext_mip.errors import Misuse, NodeError, Refused
from saltext_mip.federation import Node
from saltext_mip.generations.listing import abbreviated
from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.problems import Problem
from saltext_mip.pusher.answers import Answers, require, sanitize, unanswered
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import client, deploy_failures, join_token, rollout, wait
from saltext_mip.pusher.services.client import ServicesView
from saltext_mip.pusher.services.join_token import SentMembership
from saltext_mip.pusher.services.result import services_result
from saltext_mip.results import DeployedNode, ServicesResult
from saltext_mip.swarm.components import ENGINES
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.engines.interface import differences, expected
from saltext_mip.swarm.request import ServiceRequest

SWARM_WAIT = 60.0  # seconds for the Swarm to know a node that joined


class SentIssue(Struct, frozen=True):
    """One preflight issue; ``foreign``: something that is not ours has what our services need."""

    text: str
    foreign: bool = False


class SentReady(Struct, frozen=True):
    """What a node answers to the preflight."""

    findings: list[SentIssue]
    swarm: SentMembership = SentMembership()


class SentStateResult(Struct, frozen=True):
    """One state that changed or failed; ``changes`` are pairs of old and new by thing."""

    result: bool | None
    comment: str
    changes: dict[str, list[str]]

    @property
    def failed_by_itself(self) -> bool:
        """Whether it failed, and not because a requisite failed."""
        requisite = self.comment.startswith("One or more requisite failed")
        return self.result is False and not requisite


class SentApplied(Struct, frozen=True):
    """What a node answers after its states were applied."""

    states: list[SentStateResult]
    swarm: SentMembership = SentMembership()


def deploy(
    pusher: Pusher, *, node: str | None = None, dry_run: bool = False, timeout: float = 300.0
) -> ServicesResult:
    """Apply the states of all nodes, or of one, and wait until the services serve."""
    chosen = _targets(pusher, node)
    desired_services(pusher.federation)  # a missing password is named before anything is done
    with pusher.locked("deploy", timeout):
        if dry_run:
            ready = _preflight(pusher, chosen)
            return _dry_run(pusher, _apply(pusher, chosen, test=True), chosen, ready)
        with deploy_failures.recorded(pusher, chosen, whole=node is None) as attempt:
            ready = _preflight(pusher, chosen)
            _refuse_foreign(chosen, ready)
            attempt.result = _deploy(pusher, chosen, timeout, ready, whole=node is None)
            return attempt.result


def _preflight(pusher: Pusher, chosen: Sequence[Node]) -> Answers:
    """The preflight issues of each node, and the master's membership in the Swarm."""
    asked = dict.fromkeys([pusher.federation.master.id, *(node.id for node in chosen)])
    answers = pusher.ask("ready", list(asked), now=pusher.now().timestamp())
    answers = answers.decoded(SentReady, required=[pusher.federation.master.id])
    require(answers, [pusher.federation.master.id])
    return answers


def _preflight_issues(node: Node, ready: Answers) -> list[SentIssue]:
    sent: SentReady | None = ready.values.get(node.id)
    if sent is None:
        return [SentIssue(ready.failed[node.id])] if node.id in ready.failed else []
    return sent.findings


def _refuse_foreign(chosen: Sequence[Node], ready: Answers) -> None:
    """Raise if something foreign holds a name, port or folder that our services need."""
    foreign = [
        f"{node.id}: {sanitize(each.text)}"
        for node in chosen
        for each in _preflight_issues(node, ready)
        if each.foreign
    ]
    if foreign:
        raise Refused("; ".join(foreign))


def _deploy(
    pusher: Pusher, chosen: Sequence[Node], timeout: float, ready: Answers, *, whole: bool
) -> ServicesResult:
    deadline = time.monotonic() + timeout
    master = pusher.federation.master
    answers = _apply_all(pusher, chosen, ready)
    nodes = {each.id: _node_result(answers, each, ready) for each in chosen}
    swarm_ids = _swarm_ids(answers)
    only = None if whole else tuple(each.id for each in chosen)
    before = client.observe_services(pusher, swarm_ids)
    if before.refused:
        raise Refused(before.refused)
    for node_id, why in _rejoin_unknown(pusher, before, swarm_ids).items():
        if node_id in nodes and not nodes[node_id].failed:
            nodes[node_id] = structs.replace(nodes[node_id], failed=True, error=why)
    not_rotated = join_token.rotate(pusher) if join_token.used(pusher.state) else None
    request = ServiceRequest.on_nodes(
        "enforce", only, actor=pusher.actor, swarm_ids=swarm_ids, restore_removed=True
    )
    done = client.Enforced(plan=())
    removed = any(each.word == "removed" for each in before.overrides.values())
    unchanged = not (before.plan or removed or before.waiting())
    if not unchanged:
        pusher.progress("enforcing the services")
        done = client.enforce(pusher, request, progress=wait.JobProgress(pusher))
    absent = [each.id for each in chosen if each.id not in answers.values]
    there = [node.id for node in pusher.federation.nodes if node.id not in absent]
    if only is not None:
        there = [each for each in there if each in only or each == master.id]
    changed_later: list[bool] = []

    def enforce_again() -> None:
        repeated = replace(request, restore_removed=False)
        changed_later.append(client.enforce(pusher, repeated).changed)
        changed_later.append(bool(rollout.follow(pusher).done))

    now, waiting = wait.wait_up(
        pusher,
        swarm_ids=swarm_ids,
        only=there,
        timeout=max(deadline - time.monotonic(), 1.0),
        first=before if unchanged else None,
        again=enforce_again,
    )
    if now.plan:  # such as an old entry of a node, which is down by now
        enforce_again()
        now = client.observe_services(pusher, swarm_ids)
    changed = done.changed or any(of.changed for of in nodes.values()) or any(changed_later)
    _remember_served(pusher, _created(done.plan, nodes), now)
    if changed:
        pusher.fire("deployed", {"services": sorted(now.services)})
        pusher.record("deployed", message=_summary(done.plan, nodes))
    failed = [node_id for node_id, of in nodes.items() if of.failed]
    notes = [not_rotated] if not_rotated else []
    result = services_result(
        pusher,
        now,
        waiting,
        changed=changed,
        nodes=nodes,
        problems=[
            *unanswered(answers, chosen, "NodeMissing", "NodeFailed"),
            *_foreign_ids(swarm_ids, now),
        ],
        failed=bool(failed),
    )
    if failed:
        names = ", ".join(failed)
        notes.append(f"not deployed: {names}. Fix these causes, then run salt-run mip.deploy.")
    if not notes:
        return result
    return structs.replace(result, notes=[*(result.notes or ()), *notes], retcode=1)


def _created(plan: Sequence[PlanItem], nodes: Mapping[str, DeployedNode]) -> set[str]:
    """Services that were created just now, by this plan or by the master's states before it."""
    made = {item.thing for item in plan if item.action == "create"}
    for of in nodes.values():
        made |= {thing for thing, text in of.changes.items() if text.endswith(" -> create")}
    return made


def _summary(plan: Sequence[PlanItem], nodes: Mapping[str, DeployedNode]) -> str:
    """What was changed, in short."""
    done = [f"{item.action} {item.thing}" for item in plan if item.action != NOTHING]
    changed = [f"states of {node}" for node, of in nodes.items() if of.changed]
    return abbreviated([*done, *changed])


def _remember_served(pusher: Pusher, made: set[str], now: ServicesView) -> None:
    """If all engines are new, they have read the current data: no refresh needs to restart them."""
    generation = pusher.store.last()
    engines = {name for name, of in now.services.items() if of.short in ENGINES and of.declared}
    if generation is None or not engines or not engines <= made:
        return
    if not differences(expected(pusher.federation, generation), now.served):
        rollout.remember(pusher, generation)


def _apply_all(pusher: Pusher, chosen: Sequence[Node], ready: Answers) -> Answers:
    """Apply the states: of all nodes at once if the Swarm exists, else the master's first."""
    master = pusher.federation.master
    if join_token.keep_sealed(pusher, ready.values[master.id].swarm):
        return _apply(pusher, chosen)
    if ready.values[master.id].swarm.state == "inactive":
        pusher.progress(f"initialising the Swarm on {master.id}")
    begun = _apply(pusher, [master])
    require(begun, [master.id])
    _failed_states(master, begun.values[master.id])
    if not join_token.keep_sealed(pusher, begun.values[master.id].swarm):
        raise NodeError(f"{master.id}: the Swarm was not initialised")
    rest = _apply(pusher, [each for each in chosen if each != master])
    return Answers(
        {**begun.values, **rest.values},
        {**begun.missing, **rest.missing},
        {**begun.failed, **rest.failed},
        invalid=begun.invalid | rest.invalid,
        versions={**begun.versions, **rest.versions},
        reasons={**begun.reasons, **rest.reasons},
    )


def _apply(pusher: Pusher, nodes: Sequence[Node], *, test: bool = False) -> Answers:
    if nodes and not test:
        pusher.progress(f"applying the states of {', '.join(node.id for node in nodes)}")
    within = client.rolling_update_limit(pusher)
    # the master's states replace engines, one after the other
    progress = None if test else wait.JobProgress(pusher)
    targets = [node.id for node in nodes]
    answers = pusher.ask("apply_states", targets, within=within, progress=progress, test=test)
    return answers.decoded(SentApplied)


def _master(pusher: Pusher) -> str:
    return pusher.federation.master.id


def _failed_states(node: Node, sent: SentApplied) -> None:
    """Raise if a state of the master failed: the other nodes depend on it."""
    if any(state.result is False for state in sent.states):
        text = "; ".join(sanitize(each.comment) for each in sent.states if each.failed_by_itself)
        if "not served" in text or "No matching sls" in text:
            text += " Is salt://mip/ served? On the pusher: salt-run mip.setup"
        raise NodeError(f"{node.id}: {text or 'its states failed'}")


def _node_result(answers: Answers, node: Node, ready: Answers) -> DeployedNode:
    """The result of one node."""
    findings = [sanitize(each.text) for each in _preflight_issues(node, ready)]
    if node.id not in answers.values:
        why = answers.missing.get(node.id) or sanitize(
            answers.failed.get(node.id, "no reason given")
        )
        return DeployedNode(changed=False, failed=True, changes={}, error=why, findings=findings)
    states = answers.values[node.id].states
    wrong = [sanitize(each.comment) for each in states if each.result is False]
    own = [sanitize(each.comment) for each in states if each.failed_by_itself]
    changes = {
        sanitize(thing): sanitize(" -> ".join(each))
        for state in states
        for thing, each in state.changes.items()
    }
    return DeployedNode(
        changed=bool(changes),
        failed=bool(wrong),
        changes=changes,
        error="; ".join(own or wrong) if wrong else UNSET,
        findings=findings,
    )


def _swarm_ids(answers: Answers) -> dict[str, str]:
    """The nodes' ids in the Swarm, as they report them."""
    return {
        node: sent.swarm.swarm_id
        for node, sent in answers.values.items()
        if sent.swarm.swarm_id is not None
    }


def _foreign_ids(swarm_ids: Mapping[str, str], now: ServicesView) -> list[Problem]:
    """A problem for each node that reports the id of an entry that is another node's."""
    owners = {entry.id: node for node, entry in now.nodes.items()}
    return [
        Problem("ForeignSwarmId", node=node, about=owners[reported])
        for node, reported in swarm_ids.items()
        if owners.get(reported, node) != node
    ]


def _rejoin_unknown(pusher: Pusher, now: ServicesView, swarm_ids: dict[str, str]) -> dict[str, str]:
    """Nodes that report to be in the Swarm, but that its manager does not know, join again; why
    some did not, such as one that is in another Swarm."""
    known = {entry.id for entry in now.nodes.values()}
    master = _master(pusher)
    unknown = [node for node, own in swarm_ids.items() if own not in known and node != master]
    deadline = time.monotonic() + SWARM_WAIT
    if not unknown:
        return {}
    pusher.progress(f"rejoining {', '.join(unknown)}: unknown to the Swarm")
    answers = pusher.ask("join_again", unknown).decoded(SentMembership)
    swarm_ids |= {node: sent.id for node, sent in answers.values.items()}
    refused = {node: sanitize(why) for node, why in {**answers.missing, **answers.failed}.items()}
    joined = [node for node in unknown if node in answers.values]
    observer = wait.Observer(pusher, deadline, swarm_ids, first=now)
    while joined and time.monotonic() < deadline:
        known = {entry.id for entry in observer.observe().nodes.values()}
        if all(swarm_ids[node] in known for node in joined):
            break
        time.sleep(wait.POLL_INTERVAL)
    return refused


def _dry_run(
    pusher: Pusher, answers: Answers, chosen: Sequence[Node], ready: Answers
) -> ServicesResult:
    plan: list[PlanItem] = []
    nodes = {each.id: _node_result(answers, each, ready) for each in chosen}
    for node_id, of in nodes.items():
        plan += [PlanItem("change", thing, reason, node_id) for thing, reason in of.changes.items()]
        if of.failed:
            plan.append(PlanItem("fail", node_id, of.error or ""))
    return ServicesResult(
        federation=pusher.federation.name,
        changed=False,
        dry_run=True,
        nodes=nodes,
        services={},
        plan=plan,
        problems=pusher.report(unanswered(answers, chosen, "NodeMissing", "NodeFailed")),
        retcode=1 if any(of.failed for of in nodes.values()) else UNSET,
    )


def _targets(pusher: Pusher, name: str | None) -> list[Node]:
    disabled = pusher.store.disabled()
    if name is None:
        chosen = [node for node in pusher.federation.nodes if node.id not in disabled]
        if pusher.federation.master not in chosen:
            raise Misuse("The master is disabled: run mip.enable node=ms first.")
        return chosen
    node = pusher.federation.node(name)
    if node.id in disabled:
        raise Misuse(f"{node.id} is disabled: run mip.enable node={node.short} first.")
    return [node]
