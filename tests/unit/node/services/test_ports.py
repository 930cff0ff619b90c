"""Whether services answer at their ports: a refused connection is evidence, silence is none."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import enforce, ports, status
from saltext_mip.node.services.ports import Answer, Check, Endpoint, PortsView, probe
from saltext_mip.swarm.model import Port, Service
from saltext_mip.swarm.request import ServiceRequest
from tests.support.docker_sdk import Docker
from tests.unit.swarm.declared import SECRETS

HTTP = Check(0, "http", "/health")
POSTGRES = Check(0, "postgres")
UI = "10.77.0.11"


@contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """A port that reads a request and answers with these bytes; ``None``: never."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            if answer is None:
                over.wait(60)
            else:
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("check", "sent", "state", "error"),
    [
        (HTTP, b"HTTP/1.1 200 OK\r\n\r\n", "answers", ""),
        (HTTP, b"HTTP/1.1 404 Not Found\r\n\r\n", "answers", ""),
        (HTTP, b"HTTP/1.1 503 \r\n\r\n", "refused", "returns 503 to GET /health"),
        (HTTP, b"", "refused", "closes the connection without a response"),
        (HTTP, b"SSH-2.0-x\r\n", "silent", "not with HTTP"),
        (POSTGRES, b"R\0\0\0\x08\0\0\0\x05", "answers", ""),
        (POSTGRES, b"E\0\0\0\x20SFATAL\0C28000\0\0", "answers", ""),
        (POSTGRES, b"E\0\0\0\x20SFATAL\0C57P03\0\0", "refused", "the database is starting"),
        (POSTGRES, b"", "refused", "closes the connection without a response"),
        (POSTGRES, b"HTTP/1.1 400\r\n", "silent", "not with PostgreSQL's protocol"),
    ],
)
def test_what_answers_is_asked_in_its_own_protocol(
    check: Check, sent: bytes, state: str, error: str
) -> None:
    with server(sent) as port:
        found = probe(Endpoint("a", "127.0.0.1", port, check))
    assert found.state == state
    assert error in found.error


def test_silence_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "TIMEOUT", 0.2)
    with server(None) as port:
        assert probe(Endpoint("a", "127.0.0.1", port, HTTP)).state == "silent"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert probe(Endpoint("a", "127.0.0.1", port, Check(0))).state == "answers"
    assert probe(Endpoint("a", "127.0.0.1", port, Check(0))).state == "refused"


def test_the_first_words_to_postgres_have_the_length_that_they_name() -> None:
    assert int.from_bytes(ports._POSTGRES[:4], "big") == len(ports._POSTGRES)


def test_a_namespace_that_cannot_be_entered_is_no_refusal() -> None:
    found = ports.ask([Endpoint("a", "127.0.0.1", 1, Check(1), os.devnull)])
    assert [each.state for each in found] == ["silent"]
    assert "cannot be checked" in found[0].error


def test_each_service_with_a_port_is_asked_by_it() -> None:
    def of(short: str, *published: Port, command: tuple[str, ...] = ()) -> list[int]:
        service = Service("x", short, "n", "n", "an-image", ports=published, command=command)
        return [check.port for check in ports.checks(service)]

    assert of("portalbackend_db", command=("-p", "5433")) == [5433]
    assert of("portalbackend_db") == [5432]
    assert of("portalbackend", Port(8080, 8080), Port(8089, 8089)) == [8080]
    assert of("frontend", Port(80, 80), Port(443, 443)) == [80]
    assert of("portainer", Port(9000, 9000), Port(53, 53, "udp"), Port(1, 1, mode="ingress")) == [
        9000
    ]
    assert of("something") == []


Asked = Callable[[dict[tuple[str, int], Answer]], list[Endpoint]]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Have ports answer so, and all others well; returns what is asked."""

    def arrange(answers: dict[tuple[str, int], Answer]) -> list[Endpoint]:
        asked: list[Endpoint] = []

        def ask(endpoints: tuple[Endpoint, ...]) -> tuple[Answer, ...]:
            asked[:] = endpoints
            return tuple(
                answers.get((each.service, each.port), Answer("answers")) for each in endpoints
            )

        monkeypatch.setattr(ports, "ask", ask)
        return asked

    return arrange


@pytest.fixture
def deployed(sdk: Docker, master: NodeContext) -> Docker:
    enforce.enforce(master, SECRETS, ServiceRequest("enforce"))
    for task in sdk.tasks_:
        task["NetworksAttachments"] = [{"Addresses": ["10.20.30.7/24"]}]
    return sdk


def test_they_are_asked_over_the_network_and_at_their_published_port(
    deployed: Docker, master: NodeContext, answering: Asked
) -> None:
    asked = answering({})
    deployed.pid = os.getpid()
    status.status(master, SECRETS)
    overlay = {(each.service, each.port) for each in asked if each.namespace}
    assert overlay == {
        ("portalbackend_db", 5433),
        ("portalbackend", 8080),
        ("gateway", 8081),
        ("galaxy", 80),
        ("frontend", 80),
    }
    published = {(each.service, each.port) for each in asked if not each.namespace}
    assert published == {
        ("portalbackend", 8080),
        ("gateway", 8081),
        ("galaxy", 8090),
        ("frontend", 80),
    }
    assert {each.address for each in asked if not each.namespace} == {UI}
    deployed.pid = 0  # no container of ours runs on the master
    status.status(master, SECRETS)
    assert not any(each.namespace for each in asked)


def test_a_refused_port_is_named_and_does_not_serve(
    deployed: Docker, master: NodeContext, answering: Asked
) -> None:
    answering(
        {
            ("frontend", 80): Answer("refused", "refuses connections"),
            ("gateway", 8081): Answer("silent", "gave no response within 3 s"),
        }
    )
    services = status.status(master, SECRETS)["services"]
    assert services["frontend"]["serving"] is False
    assert services["frontend"]["port_error"] == f"port 80 of {UI} refuses connections"
    assert services["gateway"]["serving"] is None
    assert services["gateway"]["port_error"] == f"port 8081 of {UI} gave no response within 3 s"
    assert services["portalbackend"]["serving"] is True
    assert "port_error" not in services["portalbackend"]
    # what does not run is not asked
    deployed.stop_tasks("frontend", "exit code 1")
    service = status.status(master, SECRETS)["services"]["frontend"]
    assert (service["serving"], service["error"]) == (False, "exit code 1")
    assert "port_error" not in service


def test_a_refusal_outweighs_silence_and_silence_an_answer() -> None:
    at = Endpoint("a", "10.0.0.1", 80, Check(80))
    answers, silent, refused = (
        (at, Answer("answers")),
        (at, Answer("silent", "is silent")),
        (at, Answer("refused", "refuses")),
    )
    assert ports._judged([answers, silent, refused]) == PortsView(
        False, "port 80 of 10.0.0.1 refuses"
    )
    assert ports._judged([answers, silent]).serving is None
    assert ports._judged([answers]) == PortsView(True)
