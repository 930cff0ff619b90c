"""Whether services answer at their ports, asked from the master node.

A service is asked over the overlay network, from inside the network namespace of a container of
ours on this node, and at its published port, as a person's browser would be. A refused connection
is evidence that it does not serve. Silence is evidence of nothing: a firewall may stand between.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saltext_mip.federation import Federation
from saltext_mip.node.docker import docker_errors
from saltext_mip.swarm.components import KEYSTORE, MASTER, WORKER
from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable
from saltext_mip.swarm.model import Port, Service
from saltext_mip.swarm.observed import Observed, Running, Task
from saltext_mip.swarm.plan import DATABASE

TIMEOUT = 3.0  # seconds for one answer; all are asked at once
AT_ONCE = 16
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_LINE = 1024  # bytes of an answer that are looked at
# protocol 3.0, a user, and the end: PostgreSQL answers with what it wants to know, or why not
_POSTGRES = b"\x00\x00\x00\x17\x00\x03\x00\x00user\x00postgres\x00\x00"
_STARTING = b"57P03"  # the database system is starting up

State = Literal["answers", "refused", "silent"]
Protocol = Literal["tcp", "http", "postgres"]


@dataclass(frozen=True)
class Check:
    """A port of a container, and how it is asked. ``path`` is of HTTP."""

    port: int
    protocol: Protocol = "tcp"
    path: str = "/"


# the port by which a component serves; it may have others, of which less is known
_CHECKS: Mapping[str, Check] = {
    "portalbackend": Check(8080, "http", "/services/actuator/health"),
    "gateway": Check(8081),
    "galaxy": Check(80),
    "frontend": Check(80, "http"),
}


@dataclass(frozen=True)
class Endpoint:
    """An address and a port to ask; ``namespace`` is that of the network, empty: this node's."""

    service: str
    address: str
    port: int
    check: Check
    namespace: str = ""

    def __str__(self) -> str:
        way = f" over the network to {self.address}" if self.namespace else f" of {self.address}"
        return f"port {self.port}{way}"


@dataclass(frozen=True)
class Answer:
    """What became of asking; ``error`` in words."""

    state: State
    error: str = ""


@dataclass(frozen=True)
class PortsView:
    """Whether a service answers at its ports; ``None``: not known. ``error``: why it is not so."""

    serving: bool | None
    error: str = ""


def observe_ports(
    federation: Federation, client: Any, observed: Observed
) -> Mapping[str, PortsView]:
    """Of each service of ours that runs and has a port, whether it answers; engines left out."""
    endpoints = tuple(_endpoints(federation, observed, _namespace(client, observed)))
    answers = ask(endpoints)
    found: dict[str, list[tuple[Endpoint, Answer]]] = {}
    for endpoint, answer in zip(endpoints, answers, strict=True):
        found.setdefault(endpoint.service, []).append((endpoint, answer))
    return {service: _judged(of) for service, of in found.items()}


def _judged(found: Sequence[tuple[Endpoint, Answer]]) -> PortsView:
    by_state = {
        state: "; ".join(f"{at} {of.error}" for at, of in found if of.state == state)
        for state in ("refused", "silent")
    }
    if by_state["refused"]:
        return PortsView(False, by_state["refused"])
    if by_state["silent"]:
        return PortsView(None, by_state["silent"])
    return PortsView(True)


def _endpoints(federation: Federation, observed: Observed, namespace: str) -> Iterator[Endpoint]:
    hosts = {node.id: node.address for node in federation.nodes}
    for name, running in observed.services.items():
        service = running.service
        task = _asked(running)
        if task is None:
            continue
        for check in checks(service):
            if namespace:
                for address in task.addresses:
                    yield Endpoint(name, address, check.port, check, namespace)
            for port in service.ports:
                if port.target == check.port and _is_on_node(port) and service.node in hosts:
                    yield Endpoint(name, hosts[service.node], port.published, check)


def _asked(running: Running) -> Task | None:
    """The task to ask, if any: of a service of ours that is not an engine's, and runs."""
    if not running.ours or running.service.once:
        return None
    if running.service.short in (KEYSTORE, MASTER, WORKER):
        return None
    return next((task for task in running.tasks if task.up), None)


def _is_on_node(port: Port) -> bool:
    return port.protocol == "tcp" and port.mode == "host"


def checks(service: Service) -> tuple[Check, ...]:
    """The ports by which a service serves: those that are known, or all that it publishes."""
    if service.short == DATABASE:
        return (Check(_option(service.command, "-p", 5432), "postgres"),)
    if service.short in _CHECKS:
        return (_CHECKS[service.short],)
    return tuple(Check(port.target) for port in service.ports if _is_on_node(port))


def _option(command: Sequence[str], name: str, default: int) -> int:
    with suppress(ValueError, IndexError):
        return int(command[list(command).index(name) + 1])
    return default


def _namespace(client: Any, observed: Observed) -> str:
    """The network namespace of a container of ours here, which is on the overlay network."""
    for running in observed.services.values():
        for task in running.tasks if running.ours else ():
            if not (task.up and task.node == observed.node and task.container):
                continue
            try:
                with docker_errors():
                    pid = client.api.inspect_container(task.container)["State"]["Pid"]
            except (DockerFailed, DockerUnavailable):  # it has ended meanwhile
                continue
            path = f"/proc/{pid}/ns/net"
            if pid and os.access(path, os.R_OK):
                return path
    return ""


def ask(endpoints: Sequence[Endpoint]) -> tuple[Answer, ...]:
    """What each answers."""
    if not endpoints:
        return ()
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(endpoints))) as pool:
        # each in a thread of its own making: a thread stays in the namespace that it entered
        return tuple(pool.map(_ask_in_thread, endpoints))


def _ask_in_thread(endpoint: Endpoint) -> Answer:
    with ThreadPoolExecutor(max_workers=1) as own:
        return own.submit(probe, endpoint).result()


def probe(endpoint: Endpoint) -> Answer:
    """Connect, and have the protocol answered; in a thread that does nothing else."""
    try:
        if endpoint.namespace:
            _enter(endpoint.namespace)
        where = (endpoint.address, endpoint.port)
        with socket.create_connection(where, timeout=TIMEOUT) as connection:
            return _spoken(connection, endpoint)
    except ConnectionRefusedError:
        return Answer("refused", "refuses connections")
    except ConnectionResetError:
        return Answer("refused", "closes the connection without a response")
    except TimeoutError:
        return Answer("silent", f"gave no response within {TIMEOUT:.0f} s")
    except OSError as exc:
        return Answer("silent", f"cannot be checked ({exc.strerror})")


def _enter(namespace: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(namespace).open("rb") as file:
        if libc.setns(file.fileno(), _NEW_NETWORK):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _spoken(connection: socket.socket, endpoint: Endpoint) -> Answer:
    check = endpoint.check
    match check.protocol:
        case "tcp":
            return Answer("answers")
        case "postgres":
            connection.sendall(_POSTGRES)
            return _of_postgres(_first(connection))
        case "http":
            request = (
                f"GET {check.path} HTTP/1.1\r\nHost: {endpoint.address}\r\n"
                "User-Agent: mip\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(request.encode("ascii"))
            return _of_http(_first(connection), check.path)


def _first(connection: socket.socket) -> bytes:
    """The first line of the answer, or what there is of it."""
    deadline = time.monotonic() + TIMEOUT
    found = b""
    while b"\n" not in found and len(found) < _LINE:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        part = connection.recv(_LINE)
        found += part
        # PostgreSQL's answer has no line, and comes in one piece
        if not part or found[:1] in (b"R", b"E"):
            break
    return found


def _of_postgres(answer: bytes) -> Answer:
    if not answer:
        return Answer("refused", "closes the connection without a response")
    if _STARTING in answer:
        return Answer("refused", "is not ready: the database is starting")
    if answer[:1] in (b"R", b"E"):
        return Answer("answers")
    return Answer("silent", "responds, but not with PostgreSQL's protocol")


def _of_http(answer: bytes, path: str) -> Answer:
    if not answer:
        return Answer("refused", "closes the connection without a response")
    version, _, rest = answer.partition(b" ")
    code = rest[:3]
    if not version.startswith(b"HTTP/") or not code.isdigit():
        return Answer("silent", "responds, but not with HTTP")
    if code >= b"500":
        return Answer("refused", f"returns {code.decode()} to GET {path}")
    return Answer("answers")
