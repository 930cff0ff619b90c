"""Deploy: apply the states of all nodes, then the services, and wait until they serve."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from saltext_mip.errors import BadAnswer, Misuse, NodeError, Refused
from saltext_mip.federation import Node
from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.pusher.answers import Answers, require, sanitize, unanswered
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.events import abbreviated
from saltext_mip.pusher.services import client, join_token, wait
from saltext_mip.pusher.services import rollout as serve
from saltext_mip.pusher.services.client import ServicesView
from saltext_mip.pusher.services.result import services_result
from saltext_mip.results import DeployedNode, ServicesResult
from saltext_mip.swarm import engine
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.request import ServiceRequest

SWARM_WAIT = 60.0  # seconds for the Swarm to know a node that joined


def deploy(
    pusher: Pusher, *, node: str | None = None, dry_run: bool = False, timeout: float = 300.0
) -> ServicesResult:
    """Apply the states of all nodes, or of one, and wait until the services serve."""
    chosen = _targets(pusher, node)
    desired_services(pusher.federation)  # a missing password is named before anything is done
    with pusher.locked("deploy", timeout):
        ready = _preflight(pusher, chosen)
        if dry_run:
            return _dry_run(pusher, _apply(pusher, chosen, test=True), chosen, ready)
        _refuse_foreign(chosen, ready)
        return _deploy(pusher, chosen, timeout, ready, whole=node is None)


def _preflight(pusher: Pusher, chosen: Sequence[Node]) -> Answers:
    """The preflight issues of each node, and the master's membership in the Swarm."""
    asked = dict.fromkeys([pusher.federation.master.id, *(node.id for node in chosen)])
    answers = pusher.ask("ready", list(asked), now=pusher.now().timestamp())
    require(answers, [pusher.federation.master.id])
    return answers


def _preflight_issues(node: Node, answers: Answers) -> list[dict[str, Any]]:
    value = answers.values.get(node.id)
    if value is None:
        return []
    found = value.get("findings") if isinstance(value, Mapping) else None
    if not isinstance(found, list) or not all(
        isinstance(each, Mapping) and isinstance(each.get("text"), str) for each in found
    ):
        raise BadAnswer("unexpected format of its preflight issues", node=node.id)
    return [{**each, "text": sanitize(each["text"])} for each in found]


def _refuse_foreign(chosen: Sequence[Node], ready: Answers) -> None:
    """Raise if something foreign holds a name, port or folder that our services need."""
    foreign = [
        f"{node.id}: {each['text']}"
        for node in chosen
        for each in _preflight_issues(node, ready)
        if each.get("foreign")
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
    swarm_ids = _swarm_ids(pusher, answers)
    only = None if whole else tuple(each.id for each in chosen)
    before = client.observe_services(pusher, swarm_ids)
    if before.refused:
        raise Refused(before.refused)
    _rejoin_unknown(pusher, before, swarm_ids)
    request = ServiceRequest.on_nodes(
        "enforce", only, actor=pusher.actor, swarm_ids=swarm_ids, restore_removed=True
    )
    done = client.Enforced(plan=())
    removed = any(each.word == "removed" for each in before.overrides.values())
    unchanged = not (before.plan or removed or before.waiting())
    if not unchanged:
        pusher.progress("enforcing the services")
        done = client.enforce(pusher, request)
    absent = [each.id for each in chosen if each.id not in answers.values]
    there = [node.id for node in pusher.federation.nodes if node.id not in absent]
    if only is not None:
        there = [each for each in there if each in only or each == master.id]
    changed_later: list[bool] = []

    def enforce_again() -> None:
        repeated = replace(request, restore_removed=False)
        changed_later.append(client.enforce(pusher, repeated).changed)

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
    return services_result(
        pusher,
        now,
        waiting,
        changed=changed,
        nodes=nodes,
        problems=unanswered(answers, chosen, "NodeMissing", "NodeFailed"),
        failed=bool(absent) or any(of.failed for of in nodes.values()),
    )


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
    engines = {
        name
        for name, of in now.services.items()
        if of.short in (engine.MASTER, engine.WORKER) and of.declared
    }
    if generation is None or not engines or not engines <= made:
        return
    if not engine.differences(engine.expected(pusher.federation, generation), now.served):
        serve.remember(pusher, generation)


def _apply_all(pusher: Pusher, chosen: Sequence[Node], ready: Answers) -> Answers:
    """Apply the states: of all nodes at once if the Swarm exists, else the master's first."""
    master = pusher.federation.master
    first = ready.values[master.id]
    if isinstance(first, Mapping) and _keep_token(pusher, first.get("swarm")):
        return _apply(pusher, chosen)
    pusher.progress(f"initialising the Swarm on {master.id}")
    begun = _apply(pusher, [master])
    require(begun, [master.id])
    _failed_states(master, begun.values[master.id])
    if not _keep_token(pusher, begun.values[master.id].get("swarm", {})):
        raise NodeError(f"{master.id}: the Swarm was not initialised")
    rest = _apply(pusher, [each for each in chosen if each != master])
    return Answers(
        {**begun.values, **rest.values},
        {**begun.missing, **rest.missing},
        {**begun.failed, **rest.failed},
    )


def _apply(pusher: Pusher, nodes: Sequence[Node], *, test: bool = False) -> Answers:
    if nodes and not test:
        pusher.progress(f"applying the states of {', '.join(node.id for node in nodes)}")
    within = client.rolling_update_limit(pusher)
    return pusher.ask("apply_states", [node.id for node in nodes], within=within, test=test)


def _keep_token(pusher: Pusher, swarm: Any) -> bool:
    """Open and store the join token that the master sealed; whether there is a Swarm."""
    if not isinstance(swarm, Mapping):
        raise BadAnswer("unexpected format of its membership in the Swarm", node=_master(pusher))
    text, cluster = swarm.get("sealed"), swarm.get("cluster")
    if not isinstance(text, str) or not isinstance(cluster, str) or not cluster:
        return False
    join_token.keep(pusher.state, pusher.unseal(text, _master(pusher)), cluster)
    return True


def _master(pusher: Pusher) -> str:
    return pusher.federation.master.id


def _failed_states(node: Node, value: Any) -> None:
    """Raise if a state of the master failed: the other nodes depend on it."""
    wrong = [state for state in _states(node, value) if state["result"] is False]
    if wrong:
        text = "; ".join(sanitize(state["comment"]) for state in wrong if _failed_by_itself(state))
        if "not served" in text or "No matching sls" in text:
            text += " Is salt://mip/ served? On the pusher: salt-run mip.setup"
        raise NodeError(f"{node.id}: {text or 'its states failed'}")


def _failed_by_itself(state: Mapping[str, Any]) -> bool:
    """Whether it failed by itself, not because a requisite failed."""
    return not str(state["comment"]).startswith("One or more requisite failed")


def _states(node: Node, value: Any) -> list[dict[str, Any]]:
    states = value.get("states") if isinstance(value, Mapping) else None
    if not isinstance(states, list) or not all(
        isinstance(state, Mapping)
        and isinstance(state.get("comment"), str)
        and isinstance(state.get("changes"), Mapping)
        for state in states
    ):
        raise BadAnswer("unexpected format of its states", node=node.id)
    return [dict(state) for state in states]


def _node_result(answers: Answers, node: Node, ready: Answers) -> DeployedNode:
    """The result of one node."""
    findings = [each["text"] for each in _preflight_issues(node, ready)]
    if node.id not in answers.values:
        why = answers.missing.get(node.id) or sanitize(
            answers.failed.get(node.id, "no reason given")
        )
        return DeployedNode(changed=False, failed=True, changes={}, error=why, findings=findings)
    value = answers.values[node.id]
    states = _states(node, value)
    wrong = [sanitize(state["comment"]) for state in states if state["result"] is False]
    own = [
        sanitize(state["comment"])
        for state in states
        if state["result"] is False and _failed_by_itself(state)
    ]
    changes = {
        sanitize(str(thing)): sanitize(" -> ".join(map(str, each)))
        for state in states
        for thing, each in state["changes"].items()
    }
    return DeployedNode(
        changed=bool(changes),
        failed=bool(wrong),
        changes=changes,
        error="; ".join(own or wrong) if wrong else UNSET,
        findings=findings,
    )


def _swarm_ids(pusher: Pusher, answers: Answers) -> dict[str, str]:
    """The nodes' ids in the Swarm, as they report them."""
    out = {}
    for node in pusher.federation.nodes:
        swarm = answers.values.get(node.id, {}).get("swarm")
        found = swarm.get("id") if isinstance(swarm, Mapping) else None
        if isinstance(found, str) and found.isalnum():
            out[node.id] = found
    return out


def _rejoin_unknown(pusher: Pusher, now: ServicesView, swarm_ids: dict[str, str]) -> None:
    """Nodes that report to be in the Swarm, but that its manager does not know, join again."""
    known = {entry.id for entry in now.nodes.values()}
    master = _master(pusher)
    unknown = [node for node, own in swarm_ids.items() if own not in known and node != master]
    deadline = time.monotonic() + SWARM_WAIT
    if not unknown:
        return
    pusher.progress(f"rejoining {', '.join(unknown)}: unknown to the Swarm")
    answers = pusher.ask("join_again", unknown)
    for node, value in answers.values.items():
        if isinstance(value, Mapping) and isinstance(value.get("id"), str):
            swarm_ids[node] = value["id"]
    observer = wait.Observer(pusher, deadline, swarm_ids, first=now)
    while time.monotonic() < deadline:
        known = {entry.id for entry in observer.observe().nodes.values()}
        if all(swarm_ids[node] in known for node in unknown):
            return
        time.sleep(wait.POLL_INTERVAL)


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
