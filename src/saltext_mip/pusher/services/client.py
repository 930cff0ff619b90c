"""The federation's services as the pusher sees and moves them: by the master node, which has them.

These run under the federation's lock, which their callers hold; :func:`look` needs none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saltext_mip import schemas
from saltext_mip.errors import BadAnswer, NodesFailed, NodesMissing
from saltext_mip.problems import Problem
from saltext_mip.pusher.context import Answers, Pusher
from saltext_mip.pusher.gather import need, words
from saltext_mip.swarm.engine import Datasets, Item, Served, differences, expected
from saltext_mip.swarm.observed import NODE_DOWN
from saltext_mip.swarm.request import BACK, LOST, ServiceRequest

EVERY = 1.0  # seconds between two looks
AGAIN = LOST + 5.0  # seconds after which what is forgotten by a keystore is known to be
# a task's own words that no waiting mends, and the reason of a condition that they are
HOPELESS = {
    "no such image": "ImagePullFailed",
    "pull access denied": "ImagePullFailed",
    "manifest unknown": "ImagePullFailed",
    "bind source path does not exist": "MountMissing",
    "invalid mount config": "MountMissing",
    "port is already allocated": "PortTaken",
    "host-mode port already in use": "PortTaken",
    "address already in use": "PortTaken",
}
PATIENCE = 12.0  # seconds for which such words must stand
NODE_PATIENCE = 45.0  # seconds; after a reboot a manager takes half of it to see its nodes again


@dataclass(frozen=True)
class Look:
    """What the master node says. ``swarm``: whether it manages one.

    ``services`` by name as ``schemas/services.json`` has them, ``plan`` what is not as declared,
    ``words`` an operator's by minion id, ``nodes`` the Swarm's entries by minion id; on the nodes
    ``ending`` something still runs, the service of which is gone.
    """

    swarm: bool
    cluster: str
    services: Mapping[str, Mapping[str, Any]]
    served: Served
    nodes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plan: tuple[Mapping[str, str], ...] = ()
    refused: str | None = None
    ending: tuple[str, ...] = ()

    def waiting(self, only: Sequence[str] | None = None) -> dict[str, str]:
        """Declared services that do not serve, and why, by name; of these nodes, or of all."""
        out = {}
        for name, of in self.services.items():
            if not of["declared"] or of["serving"] or of["up"] is None:
                continue
            if only is not None and of["node"] not in only:
                continue
            if of["up"]:
                out[name] = f"it runs, but does not serve yet{_because(self.served.error)}"
            elif self.nodes.get(of["node"], {}).get("state") == "down":
                out[name] = NODE_DOWN
            else:
                out[name] = of.get("error") or f"its task is {of.get('state', 'not there')}"
        return out


def _because(error: str) -> str:
    return f" ({error})" if error else ""


def reason_of(error: str) -> str | None:
    """The condition's reason for a task's words, where no waiting mends it."""
    text = error.lower()
    return next((reason for said, reason in HOPELESS.items() if said in text), None)


def _patience(error: str) -> float | None:
    """For how many seconds to wait for a service that says this; ``None``: to the end."""
    if error == NODE_DOWN:
        return NODE_PATIENCE
    return PATIENCE if reason_of(error) else None


def look(pusher: Pusher, told: Mapping[str, str] | None = None) -> Look:
    """Ask the master node. It must answer."""
    master = pusher.federation.master.id
    answers = pusher.ask("services", [master], told=told)
    _need(answers, master)
    return believed(master, answers.values[master])


def _need(answers: Answers, master: str) -> None:
    """Raise where the master failed; a secret that only the pusher has did not reach it."""
    why = answers.failed.get(master, "")
    if "is needed: there is no default" in why:
        raise NodesFailed(
            f"{words(why)}. The pusher has it, and does not hand it on: salt-run mip.setup, then "
            "restart salt-master",
            nodes=master,
        )
    need(answers, [master])


def believed(master: str, value: Any) -> Look:
    """The master node's answer, checked like any input."""
    if first := schemas.first_error("services", value):
        raise BadAnswer(f"{first[0] or 'all of it'} {first[1]}", node=master)
    services = {
        words(name): {key: _words(each) for key, each in of.items()}
        for name, of in value["services"].items()
    }
    return Look(
        swarm=value["swarm"] == "active" and bool(value["cluster"]),
        cluster=value["cluster"],
        services=services,
        served=Served.from_wire(value["served"]),
        nodes=value["nodes"],
        words=value["words"],
        plan=tuple({key: words(text) for key, text in item.items()} for item in value["plan"]),
        refused=value["refused"] and words(value["refused"]),
        ending=tuple(value["ending"]),
    )


def _words(value: Any) -> Any:
    if isinstance(value, str):
        return words(value)
    return [words(each) for each in value] if isinstance(value, list) else value


def enforce(pusher: Pusher, wish: ServiceRequest) -> Mapping[str, Any]:
    """Have the master node make what is wanted: ``{"changed", "plan"}``."""
    master = pusher.federation.master.id
    answers = pusher.ask("enforce", [master], within=rolling(pusher), wish=wish.wire())
    _need(answers, master)
    value = answers.values[master]
    if not isinstance(value, Mapping) or not isinstance(value.get("plan"), list):
        raise BadAnswer("what it did is not of the shape", node=master)
    plan = [
        {str(key): words(str(text)) for key, text in item.items()}
        for item in value["plan"]
        if isinstance(item, Mapping)
    ]
    return {"changed": bool(value.get("changed")), "plan": plan}


def rolling(pusher: Pusher) -> float:
    """Seconds that it may take to replace every worker, one after the other."""
    return BACK * (len(pusher.federation.workers) + 2)


def restart(pusher: Pusher, items: Sequence[Item], within: float = BACK) -> tuple[Item, ...]:
    """Do what :func:`~saltext_mip.swarm.engine.restarts` says; what was done.

    Keys go first. Workers are replaced one at a time; what an operator stopped stays stopped. For
    ``within`` seconds it waits until the new tasks run: until then the old ones answer, and prove
    nothing.
    """
    master = pusher.federation.master.id
    keys = [item.thing for item in items if item.action == "forget"]
    if keys:
        pusher.progress(f"deleting {', '.join(keys)} from the keystore")
        need(pusher.ask("forget", [master], keys=keys), [master])
    again = [item for item in items if item.action == "restart"]
    if again:
        nodes = dict.fromkeys(item.node for item in again)
        pusher.progress(f"restarting {', '.join(f'{i.thing} on {i.node}' for i in again)}")
        asked = {(item.thing, item.node) for item in again}
        before = {
            name: of["task"]
            for name, of in look(pusher).services.items()
            if of["up"] and (of["short"], of["node"]) in asked
        }
        enforce(
            pusher,
            ServiceRequest(
                only=tuple(nodes),
                mend=True,
                restart=tuple((item.thing, item.node, item.reason) for item in again),
            ),
        )
        wait_up(pusher, only=[], timeout=within, done=lambda now: _replaced(now, before))
    return tuple(items)


def _replaced(now: Look, before: Mapping[str, str]) -> bool:
    """Whether other tasks than those of ``before`` run, of all services that are still meant to."""
    meant = {name: now.services[name] for name in before if name in now.services}
    return all(
        of["up"] is None or (of["up"] and of["task"] != before[name]) for name, of in meant.items()
    )


def mend(pusher: Pusher, *, dry: bool = False) -> tuple[Mapping[str, str], ...]:
    """Bring back services that are gone, give nodes that joined their place, and let engines that
    a keystore forgot start again; as items of a plan. What runs is not changed, nor are disabled
    nodes' services."""
    disabled = pusher.store.disabled()
    only = tuple(node for node in pusher.federation.ids if node not in disabled)
    done = enforce(pusher, ServiceRequest(only=only, mend=True, dry=dry))["plan"]
    if done and not dry:
        pusher.progress(f"brought back: {', '.join(item.get('thing', '') for item in done)}")
    return tuple(done)


def wait_served(
    pusher: Pusher,
    wanted: Datasets,
    timeout: float,
    again: Callable[[], object] = lambda: None,
) -> tuple[str, ...]:
    """Wait until the engine answers with these datasets; what still differs when time is up.

    ``again`` is done now and then while it waits.
    """
    deadline = time.monotonic() + timeout
    next_time = time.monotonic() + AGAIN
    said: tuple[str, ...] = ()
    while True:
        now = differences(wanted, _patiently(pusher, None, deadline).served)
        if not now or time.monotonic() >= deadline:
            return now
        if now != said:
            pusher.progress(f"waiting: {now[0]}")
            said = now
        if time.monotonic() >= next_time:
            again()
            next_time = time.monotonic() + AGAIN
        time.sleep(EVERY)


def _patiently(pusher: Pusher, told: Mapping[str, str] | None, deadline: float) -> Look:
    """A look while waiting: a master node that is too busy to answer is asked again."""
    while True:
        try:
            return look(pusher, told)
        except NodesMissing:
            if time.monotonic() >= deadline:
                raise
        time.sleep(EVERY)


def wait_up(
    pusher: Pusher,
    *,
    told: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
    timeout: float,
    done: Callable[[Look], bool] = lambda _: True,
    first: Look | None = None,
    again: Callable[[], object] | None = None,
) -> tuple[Look, dict[str, str]]:
    """Wait until every declared service (of the nodes ``only``) serves.

    The last look, and why those that do not serve do not. What no waiting mends is not waited for.
    ``first`` is a look that was had a moment ago; ``again`` is done now and then while it waits.
    """
    deadline = time.monotonic() + timeout
    next_time = time.monotonic() + AGAIN
    since: dict[str, float] = {}
    said = ""
    while True:
        now, first = first or _patiently(pusher, told, deadline), None
        waiting = now.waiting(only)
        moment = time.monotonic()
        stuck = {name: found for name, why in waiting.items() if (found := _patience(why))}
        since = {name: since.get(name, moment) for name in stuck}
        lost = {name for name, when in since.items() if moment - when >= stuck[name]}
        if (not waiting and done(now)) or moment >= deadline or (lost and lost == set(waiting)):
            return now, waiting
        text = "; ".join(f"{name}: {why}" for name, why in sorted(waiting.items()))
        if text != said:
            pusher.progress(f"waiting for {text}" if text else "waiting for the Swarm")
            said = text
        if again is not None and moment >= next_time:
            again()
            next_time = time.monotonic() + AGAIN
        time.sleep(EVERY)


def result(
    pusher: Pusher, now: Look, waiting: Mapping[str, str], *, changed: bool
) -> dict[str, Any]:
    """What a command that moves services returns, but for ``nodes``.

    ``waiting`` has why a service does not serve, by name.
    """
    value: dict[str, Any] = {
        "federation": pusher.federation.name,
        "changed": changed,
        "nodes": {},
        "services": {name: shown(of) for name, of in now.services.items()},
        "problems": [
            Problem(
                "ServiceNotServing",
                node=now.services[name]["node"] or None,
                about=f"{name}: {why}",
            ).shown(_contact(pusher, now.services[name]["node"]))
            for name, why in sorted(waiting.items())
        ],
    }
    generation = pusher.store.last()
    if now.swarm and now.served.datasets is not None and generation is not None:
        wrong = differences(expected(pusher.federation, generation), now.served)
        if wrong and not waiting and not now.words:
            value["notes"] = [f"{text}: salt-run mip.refresh" for text in wrong[:5]]
    if waiting:
        value["retcode"] = 1
    return value


def _contact(pusher: Pusher, node_id: str) -> str | None:
    return next((node.contact for node in pusher.federation.nodes if node.id == node_id), None)


def shown(of: Mapping[str, Any]) -> dict[str, Any]:
    """One service as commands return it."""
    keys = ("node", "image", "replicas", "serving", "since")
    out = {key: of[key] for key in keys}
    out |= {key: of[key] for key in ("error", "state", "log") if key in of}
    if of["up"] is None:
        out["stopped"] = True
    if not of["declared"]:
        out["undeclared"] = True
    return out
