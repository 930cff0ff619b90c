"""A federation of folders whose master node has services: the pusher's side without Docker.

Requests are read by the code of the node, overrides are kept by it, and what is desired is made by
it; only the Swarm itself is a table: a service has a task, which is up after ``slow`` observations.
An engine serves what the last generation had when its task started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import overrides
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import join_token
from saltext_mip.secret import Secret
from saltext_mip.swarm.components import MASTER, WORKER
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.plan import is_drained
from saltext_mip.swarm.request import ALL_SERVICES, DRAINED, ServiceRequest
from tests.support.folders import Folders
from tests.unit.swarm.declared import SECRETS

KNOWN = {"unknown": False}


@dataclass
class Task:
    """The task of a service; it is up after so many ``looks``."""

    id: str
    looks: int
    loaded: Mapping[str, Sequence[str]]


class Services(Folders):
    """``jobs`` are the functions that were asked of nodes, ``compiled`` counts those for which the
    master node compiled its pillar, ``refreshed`` those that refreshed the copy in its memory."""

    def __init__(self, root: Path, workers: int = 2, **declare: Any) -> None:
        services = {name: {"env": env} for name, env in SECRETS.items()}
        super().__init__(root, workers, **{"services": services, **declare})
        self.slow = 0
        self.broken_tasks: dict[str, str] = {}
        self.foreign: dict[str, str] = {}
        self.states: dict[str, list[dict[str, Any]]] = {}
        self.joined: set[str] = set()
        self.swarm = ""  # what the master's Docker reports of a Swarm that cannot be read
        self.token = "join token"
        self.unknown: set[str] = set()
        self.refusing: dict[str, str] = {}  # to leave the Swarm that they are in, and why
        self.tasks: dict[str, Task | None] = {}
        self.requests: list[ServiceRequest] = []
        self.deleted_keys: list[str] = []
        self.applied: list[tuple[str, ...]] = []
        self.compiled = 0
        self.refreshed = 0
        self._started = 0

    @property
    def pusher(self) -> Pusher:
        return replace(super().pusher, unseal=lambda text, binding: Secret(text))

    @property
    def desired(self) -> dict[str, Service]:
        return {service.name: service for service in desired_services(self.federation)}

    @property
    def overrides(self) -> overrides.Overrides:
        return overrides.read_overrides(self._context)

    @property
    def serving(self) -> dict[str, Any]:
        """What the engine answers, as the node sends it."""
        if not self._up(f"fed1-ms_{MASTER}"):
            return {"active": None, "datasets": None, "error": "connection refused"} | KNOWN
        active = [node.id for node in self.federation.workers if self._up(f"{node.id}_{WORKER}")]
        datasets: dict[str, dict[str, list[str]]] = {}
        for node in active:
            task = self.tasks[f"{node}_{WORKER}"]
            for name, codes in task.loaded.items() if task else ():
                for code in codes:
                    datasets.setdefault(name, {}).setdefault(code, []).append(node)
        return {"active": active, "datasets": datasets, "error": ""} | KNOWN

    def running(self) -> set[str]:
        """The names of the services that have a task."""
        return {name for name, task in self.tasks.items() if task is not None}

    def ask(
        self, function: str, targets: Sequence[str], *arguments: Any, **keywords: Any
    ) -> Answers:
        mine = {
            "federation_node.services": self._services,
            "federation_node.enforce": self._enforce,
            "federation_node.forget": self._forget,
            "federation_node.ready": self._ready,
            "federation_node.apply_states": self._apply_states,
            "federation_node.join_again": self._join_again,
            "federation_node.rotate_join_token": self._rotate_join_token,
            "federation_node.refresh_pillar": self._refresh_pillar,
        }.get(function)
        if mine is None:
            return super().ask(function, targets, *arguments, **keywords)
        self.asked.append((function, tuple(targets)))
        if function == "federation_node.apply_states" and targets:
            self.applied.append(tuple(targets))
        down = {node: "it does not answer" for node in targets if node in self.down}
        failed = {node: self.broken[node] for node in targets if node in self.broken}
        if function == "federation_node.join_again":
            failed |= {node: self.refusing[node] for node in targets if node in self.refusing}
        there = [node for node in targets if node not in {**down, **failed}]
        return Answers({node: mine(node, **keywords) for node in there}, down, failed)

    @property
    def _context(self) -> NodeContext:
        master = self.federation.master
        return NodeContext(self.federation, master, self.root / master.id / "state")

    def _up(self, name: str) -> bool:
        task = self.tasks.get(name)
        return task is not None and task.looks <= 0 and name not in self.broken_tasks

    def _start(self, name: str) -> None:
        self._started += 1
        last = super().pusher.store.last()
        node = self.desired[name].node
        loaded = {} if last is None else last.pathologies
        before = self.tasks.get(name)
        if before is not None and node in super().pusher.store.disabled():
            # its database is as it was, and its engine announces what is in it
            self.tasks[name] = Task(f"task {self._started}", self.slow, before.loaded)
            return
        self.tasks[name] = Task(
            f"task {self._started}",
            self.slow,
            {
                pathology: [code for code, nodes in codes.items() if node in nodes]
                for pathology, codes in loaded.items()
            },
        )

    def _services(self, node: str, compile_pillar: bool = True, **_: Any) -> dict[str, Any]:
        self.compiled += compile_pillar
        for task in self.tasks.values():
            if task is not None:
                task.looks -= 1
        stopped = self.overrides
        return {
            "swarm": self.swarm or ("active" if self.joined else "inactive"),
            "swarm_error": "",
            "cluster": "c" if self.joined and not self.swarm else "",
            "nodes": {
                each: {
                    "id": self._id(each),
                    "state": "down" if each in self.down else "ready",
                    "availability": "active",
                    "address": self.federation.by_id(each).address,
                }
                for each in self.joined - self.unknown
            },
            "services": {
                name: self._view(name, service)
                for name, service in self.desired.items()
                if stopped.get(service.node, {}).get("word") != "removed" or name in self.tasks
            },
            "ending": [],
            "served": self.serving,
            "words": stopped,
            "plan": self._plan(ServiceRequest("enforce")),
            "refused": None,
            "due": [],
            "stalled": [],
        }

    def _view(self, name: str, service: Service) -> dict[str, Any]:
        task, up = self.tasks.get(name), self._up(name)
        stopped = name in self.tasks and task is None
        view = {
            "node": service.node,
            "short": service.short,
            "image": service.image,
            "replicas": f"{int(up)}/{int(not stopped)}",
            "up": None if stopped else up,
            "serving": None if stopped else up,
            "declared": True,
            "since": "2026-01-01T00:00:00Z" if up else None,
            "task": task.id if task else None,
            "once": service.once,
            "task_running": task is not None,
        }
        if error := self.broken_tasks.get(name):
            view |= {"error": error, "state": "rejected"}
        return view

    def _plan(self, request: ServiceRequest) -> list[dict[str, str]]:
        """What is done for the request, as the table of tasks differs from what is desired."""
        kinds = overrides.kinds(overrides.updated_overrides(self._context, request))
        items = []
        for name, service in self.desired.items():
            if request.nodes is not None and service.node not in request.nodes:
                continue
            kind = self._kind(kinds, service)
            have = name in self.tasks
            restart = request.action == "restart" and any(
                target.node == service.node and target.service in (service.short, ALL_SERVICES)
                for target in request.targets or ()
            )
            if kind == "removed":
                action = "remove" if have else "nothing"
            elif kind == "stopped":
                action = "update" if not have or self.tasks[name] is not None else "nothing"
            elif not have:
                action = "create"
            elif self.tasks[name] is None:
                action = "update"
            else:
                action = "restart" if restart and not service.once else "nothing"
            if action != "nothing":
                items.append(
                    {"action": action, "thing": name, "node": service.node, "reason": "it differs"}
                )
        return items

    @staticmethod
    def _kind(kinds: Mapping[str, str], service: Service) -> str | None:
        """How an operator has the service: of a drained node its engine is stopped."""
        kind = kinds.get(service.node)
        if kind != DRAINED:
            return kind
        return "stopped" if is_drained(service, kind) else None

    def _enforce(self, node: str, request: Any, **_: Any) -> dict[str, Any]:
        self.compiled += 1
        wanted = ServiceRequest.from_json(request)
        self.requests.append(wanted)
        plan = self._plan(wanted)
        if wanted.dry_run:
            return {"changed": False, "plan": plan}
        after = overrides.updated_overrides(self._context, wanted)
        overrides.write_overrides(self._context, after)
        for item in plan:
            name = item["thing"]
            kind = self._kind(overrides.kinds(after), self.desired[name])
            if kind == "removed":
                self.tasks.pop(name, None)
            elif kind == "stopped":
                self.tasks[name] = None
            else:
                self._start(name)
        return {"changed": bool(plan), "plan": plan}

    def _forget(self, node: str, keys: Sequence[str], **_: Any) -> list[str]:
        self.deleted_keys += keys
        return list(keys)

    def _ready(self, node: str, **_: Any) -> dict[str, Any]:
        findings = []
        if text := self.foreign.get(node):
            findings = [{"fatal": True, "foreign": True, "text": text}]
        return {"findings": findings, "swarm": self._membership(node)}

    def _apply_states(self, node: str, test: bool = False, **_: Any) -> dict[str, Any]:
        if not test and node not in self.joined:
            self.joined.add(node)
            if node != self.federation.master.id:
                self._give_token()
        return {"states": self.states.get(node, []), "swarm": self._membership(node)}

    def _join_again(self, node: str, **_: Any) -> dict[str, Any]:
        self.unknown.discard(node)
        self._give_token()
        return self._membership(node)

    def _give_token(self) -> None:
        """As the external pillar does."""
        token = join_token.hand_out(self.pusher.state)
        assert token is not None
        assert token.reveal() == self.token, "the Swarm does not take another one"

    def _rotate_join_token(self, node: str, **_: Any) -> dict[str, Any]:
        self.token += "'"
        return self._membership(node)

    def _refresh_pillar(self, node: str, **_: Any) -> bool:
        self.refreshed += 1
        return True

    def _membership(self, node: str) -> dict[str, Any]:
        master = node == self.federation.master.id and node in self.joined
        value = {"state": "active" if node in self.joined else "inactive", "error": ""}
        value |= {"id": self._id(node) if node in self.joined else ""}
        value |= {"cluster": "c" if master else ""}
        return value | ({"sealed": self.token} if master else {})

    def _id(self, node: str) -> str:
        """The node's id in the Swarm; another one once it joined again."""
        return f"{node}{'x' if node in self.unknown else ''}".replace("-", "")
