"""A Swarm of one manager in memory, behind the docker SDK's interface and in the API's shapes.

It keeps the specifications that it is given, as Docker does, and has a running task for each
replica on a node with the label that the service is pinned to. It never answers what it was not
given.
"""

from __future__ import annotations

import base64
import copy
import json
import socket
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docker import errors

from tests.support.certificates import swarm_certificate

TOKEN = "SWMTKN-1-canary"


class Container:
    """A container in which commands can be run: ``consul kv`` on a dict."""

    id = "keystore"

    def __init__(self, keys: dict[str, str]) -> None:
        self.keys = keys
        self.fails = ""
        self.hangs: Callable[[], bool] = lambda: False  # it writes nothing, and does not end

    def run(self, command: list[str]) -> tuple[int, bytes, bytes]:
        """The exit code, and what is written to both streams."""
        if command[-1] == "export":
            entries = [
                {"key": key, "flags": 0, "value": base64.b64encode(value.encode()).decode()}
                for key, value in self.keys.items()
            ]
            return (1, b"", self.fails.encode()) if self.fails else (0, _json(entries), b"")
        *_, action, key = [part for part in command if not part.startswith("-")]
        if self.fails and action == "delete":
            return 1, b"", f"first line\n{self.fails}\n".encode()
        found = [name for name in self.keys if name == key or "-recurse" in command]
        found = [name for name in found if name.startswith(key)]
        if action == "delete":
            for name in found:
                del self.keys[name]
            return 0, b"Success!", b""
        return (0, b"value", b"") if found else (1, b"", b"Error! No key exists")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _exec_stream(
    container: Container, command: list[str], codes: dict[str, int], id_: str
) -> socket.socket:
    """Docker's end has written the frames of a command's output, and closes when it has ended."""
    ours, dockers = socket.socketpair()
    if container.hangs():
        dockers.detach()  # for as long as the test's process
        return ours
    codes[id_], *streams = container.run(command)
    for number, data in enumerate(streams, 1):
        dockers.sendall(struct.pack(">BxxxL", number, len(data)) + data)
    dockers.close()
    return ours


class Docker:
    """``docker.from_env`` returns it; it is also the client's low-level ``api``."""

    def __init__(self, *, manager: bool = True) -> None:
        self.manager = manager
        self.local_state = "active" if manager else "inactive"
        self.remote: list[str] = []
        self.error = ""
        self.root = ""  # Docker's folder
        self.node_id = "id-ms"
        self.cluster = "cluster1"
        self.address = "10.77.0.10"
        self.live_restore = False
        self.security: list[str] = ["name=seccomp,profile=default"]
        self.next_states: list[str] = []  # what it reports one after the other, then local_state
        self.join_times_out = False
        self.held: dict[str, int] = {}  # how often a network cannot be removed yet
        self.pid = 0  # of every container
        self.nodes_: dict[str, dict[str, Any]] = {}
        self.services_: dict[str, dict[str, Any]] = {}
        self.tasks_: list[dict[str, Any]] = []
        self.networks_: dict[str, dict[str, Any]] = {}
        self.running: list[dict[str, Any]] = []  # what `docker ps` has
        self.keystore = Container({})
        self.calls: list[tuple[str, Any]] = []
        self.closed = 0
        self.api = self
        self.api_version = "1.41"
        self.timeout = 60.0
        self._execs: list[list[str]] = []
        self._codes: dict[str, int] = {}
        self.swarm = self
        self.attrs: dict[str, Any] = {
            "JoinTokens": {"Worker": TOKEN},
            "Version": {"Index": 7},
            "Spec": {"Name": "default", "Raft": {"SnapshotInterval": 500}},
        }
        self._ids = 0

    # -- what a test arranges

    def add_node(
        self, id_: str, hostname: str, *, manager: bool = False, ready: bool = True
    ) -> None:
        self.nodes_[id_] = {
            "ID": id_,
            "Version": {"Index": 1},
            "CreatedAt": "2026-01-01T00:00:00.000000000Z",
            "Spec": {
                "Availability": "active",
                "Role": "manager" if manager else "worker",
                "Labels": {},
            },
            "Description": {"Hostname": hostname},
            "Status": {"State": "ready" if ready else "down", "Addr": ""},
        }

    def stop_tasks(self, name: str, error: str) -> None:
        """The service's tasks have failed, and none is started."""
        for task in self.tasks_:
            if task["ServiceID"] == self.services_[name]["ID"]:
                task["Status"] |= {"State": "failed", "Err": error}

    def age_tasks(self, name: str, seconds: float) -> None:
        """The service's tasks were created and last changed that long ago."""
        moment = _stamp(datetime.now(UTC) - timedelta(seconds=seconds))
        for task in self.tasks_:
            if task["ServiceID"] == self.services_[name]["ID"]:
                task["CreatedAt"] = task["UpdatedAt"] = moment

    def replace_tasks(self, name: str) -> None:
        """The service's tasks have ended, and others run."""
        for task in self.tasks_:
            if task["ServiceID"] == self.services_[name]["ID"]:
                task["ID"] = self._id("task")

    def names(self, call: str) -> list[Any]:
        return [about for name, about in self.calls if name == call]

    # -- the SDK

    def close(self) -> None:
        self.closed += 1

    def info(self) -> dict[str, Any]:
        state = self.next_states.pop(0) if self.next_states else self.local_state
        loaded = state == "active"
        return {
            "DockerRootDir": self.root,
            "ServerVersion": "28.0.4",
            "LiveRestoreEnabled": self.live_restore,
            "SecurityOptions": self.security,
            "Swarm": {
                # of a Swarm that did not start, Docker knows neither this node nor its managers
                "NodeID": self.node_id if loaded else "",
                "NodeAddr": self.address if loaded else "",
                "LocalNodeState": state,
                "ControlAvailable": self.manager and loaded,
                "Error": self.error,
                "RemoteManagers": [
                    {"NodeID": f"manager-{address}", "Addr": f"{address}:2377"}
                    for address in (self.remote if state in ("active", "pending") else ())
                ]
                or None,
                "Cluster": {"ID": self.cluster, "DataPathPort": 4789}
                if self.manager and loaded
                else None,
            },
        }

    def certify(self, root: Path, *, role: str, cluster: str, days: float = 30) -> None:
        """Docker's folder has a certificate of the node; with no role, it has none."""
        self.root = str(root)
        if role:
            path = root / "swarm/certificates/swarm-node.crt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(swarm_certificate(self.node_id, f"swarm-{role}", cluster, days))

    def init(self, **options: Any) -> None:
        self.calls.append(("init", options))
        self.local_state, self.manager = "active", True

    def join(self, **options: Any) -> None:
        self.calls.append(("join", options))
        if self.join_times_out:
            self.local_state = "pending"
            response = SimpleNamespace(status_code=503, reason="", url="")
            raise errors.APIError(
                "",
                response,
                "Timeout was reached before node joined. The attempt to join the "
                "swarm will continue in the background.",
            )
        self.local_state, self.error = "active", ""
        self.remote = [address.rpartition(":")[0] for address in options["remote_addrs"]]

    def leave(self, **options: Any) -> None:
        self.calls.append(("leave", options))
        self.local_state = "inactive"

    def reload(self) -> None:
        self.calls.append(("reload", None))

    def update_swarm(self, version: int, spec: Any, *, rotate_worker_token: bool) -> None:
        assert (version, spec) == (self.attrs["Version"]["Index"], self.attrs["Spec"])
        assert rotate_worker_token
        self.attrs["JoinTokens"] = {"Worker": self.attrs["JoinTokens"]["Worker"] + "-next"}
        self.calls.append(("update_swarm", None))

    def nodes(self) -> list[dict[str, Any]]:
        return list(copy.deepcopy(self.nodes_).values())

    def inspect_node(self, id_: str) -> dict[str, Any]:
        return copy.deepcopy(self.nodes_[id_])

    def update_node(self, id_: str, version: int, spec: Mapping[str, Any]) -> None:
        assert version == self.nodes_[id_]["Version"]["Index"]
        self.nodes_[id_]["Spec"] = dict(spec)
        self.nodes_[id_]["Version"]["Index"] += 1
        self.calls.append(("update_node", id_))

    def remove_node(self, id_: str, *, force: bool) -> None:
        assert force
        del self.nodes_[id_]
        self.calls.append(("remove_node", id_))

    def networks(self) -> list[dict[str, Any]]:
        return list(copy.deepcopy(self.networks_).values())

    def create_network(self, name: str, *, driver: str, ipam: Any, **more: Any) -> dict[str, str]:
        made = {
            "Id": self._id("net"),
            "Name": name,
            "Driver": driver,
            "IPAM": dict(ipam),
            "Options": more["options"] or {},
        }
        self.networks_[made["Id"]] = made
        self.calls.append(("create_network", name))
        return {"Id": made["Id"]}

    def remove_network(self, id_: str) -> None:
        if self.held.get(id_, 0) > 0:
            self.held[id_] -= 1
            response = SimpleNamespace(status_code=400, reason="", url="")
            raise errors.APIError("", response, f"network {id_} is in use by task t")
        del self.networks_[id_]
        self.calls.append(("remove_network", id_))

    def services(self) -> list[dict[str, Any]]:
        return list(copy.deepcopy(self.services_).values())

    def inspect_service(self, id_: str) -> dict[str, Any]:
        return copy.deepcopy(self._service(id_))

    def create_service(self, template: Any, **spec: Any) -> dict[str, str]:
        made = {"ID": self._id("svc"), "Version": {"Index": 1}}
        made["Spec"] = self._spec(template, spec)
        self.services_[spec["name"]] = made
        self.calls.append(("create_service", spec["name"]))
        self._start(made)
        return {"ID": made["ID"]}

    def update_service(self, id_: str, version: int, *, task_template: Any, **spec: Any) -> None:
        service = self._service(id_)
        assert version == service["Version"]["Index"]
        before = service["Spec"]["TaskTemplate"]
        service["Spec"] = self._spec(task_template, spec)
        service["Version"]["Index"] += 1
        self.calls.append(("update_service", spec["name"]))
        if before != service["Spec"]["TaskTemplate"] or not self._replicas(service):
            self.tasks_ = [task for task in self.tasks_ if task["ServiceID"] != id_]
            self._start(service)

    def remove_service(self, id_: str) -> None:
        self.calls.append(("remove_service", self._service(id_)["Spec"]["Name"]))
        del self.services_[self._service(id_)["Spec"]["Name"]]
        self.tasks_ = [task for task in self.tasks_ if task["ServiceID"] != id_]

    def tasks(self) -> list[dict[str, Any]]:
        return copy.deepcopy(self.tasks_)

    def inspect_container(self, id_: str) -> dict[str, Any]:
        return {"Id": id_, "State": {"Pid": self.pid}}

    def service_logs(self, id_: str, **options: Any) -> list[bytes]:
        assert options["tail"] > 0
        return [f"line of {self._service(id_)['Spec']['Name']}\n".encode(), b"\x1b[2Jlast\n"]

    def exec_create(self, container: str, command: list[str]) -> dict[str, Any]:
        assert container == self.keystore.id
        self._execs.append(command)
        return {"Id": str(len(self._execs) - 1)}

    def exec_start(self, id_: str, *, socket: bool) -> Any:
        assert socket
        return _exec_stream(self.keystore, self._execs[int(id_)], self._codes, id_)

    def exec_inspect(self, id_: str) -> dict[str, Any]:
        return {"ExitCode": self._codes[id_]}

    @property
    def containers(self) -> Any:
        """``client.containers.list(…)``, and ``client.api.containers(…)``, which is a function."""
        calls = _Containers(self.running)
        calls.list = self._list
        return calls

    def _list(self, *, filters: Mapping[str, Any]) -> list[Container]:
        assert filters["status"] == "running"
        return [self.keystore] if any("keystore" in label for label in filters["label"]) else []

    # -- inside

    def _id(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}{self._ids}"

    def _service(self, id_: str) -> dict[str, Any]:
        return next(each for each in self.services_.values() if each["ID"] == id_)

    def _spec(self, template: Any, spec: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Name": spec["name"],
            "Labels": dict(spec["labels"]),
            "TaskTemplate": copy.deepcopy(dict(template)),
            "Mode": {"Replicated": {"Replicas": spec["mode"].replicas}},
            "EndpointSpec": copy.deepcopy(dict(spec["endpoint_spec"])),
        }

    def _replicas(self, service: Mapping[str, Any]) -> int:
        found: int = service["Spec"]["Mode"]["Replicated"]["Replicas"]
        return found

    def _start(self, service: Mapping[str, Any]) -> None:
        template = service["Spec"]["TaskTemplate"]
        (constraint,) = template["Placement"]["Constraints"]
        place = constraint.partition("==")[2]
        for node in self.nodes_.values():
            if self._replicas(service) and node["Spec"]["Labels"].get("name") == place:
                now = _stamp(datetime.now(UTC) - timedelta(seconds=60))
                self.tasks_.append(
                    {
                        "ID": self._id("task"),
                        "ServiceID": service["ID"],
                        "NodeID": node["ID"],
                        "CreatedAt": now,
                        "UpdatedAt": now,
                        "DesiredState": "running",
                        "Spec": copy.deepcopy(template),
                        "Status": {
                            "State": "running",
                            "ContainerStatus": {"ContainerID": self._id("container")},
                        },
                    }
                )


class _Containers(SimpleNamespace):
    def __init__(self, running: list[dict[str, Any]]) -> None:
        super().__init__()
        self._running = running

    def __call__(self, **_: Any) -> list[dict[str, Any]]:
        return list(self._running)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
