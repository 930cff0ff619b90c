"""A command in a container: what it may cost the node, whatever the container is."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from saltext_mip.node import docker
from saltext_mip.swarm.errors import NotServing

MAX_SIZE = 1 << 20
CONTAINER = SimpleNamespace(id="keystore")


class Docker:
    """``client.api``, whose command writes what ``write`` sends into Docker's end of the stream.

    Docker's own stream is a ``SocketIO``, which has no ``recv``.
    """

    def __init__(self, write: Callable[[socket.socket], None], *, timeout: float = 600.0) -> None:
        self.api = self
        self.timeout = timeout
        self.code: int | None = 0
        self.write = write
        self.ended = threading.Event()
        self.threads: list[threading.Thread] = []

    def exec_create(self, container: str, command: list[str]) -> dict[str, str]:
        assert (container, command) == ("keystore", ["consul", "kv", "export"])
        return {"Id": "1"}

    def exec_start(self, id_: str, *, socket: bool) -> Any:
        assert (id_, socket) == ("1", True)
        return self._stream()

    def exec_inspect(self, _: str) -> dict[str, Any]:
        return {"ExitCode": self.code}

    def _stream(self) -> Any:
        ours, dockers = socket.socketpair()

        def writing() -> None:
            with dockers:
                try:
                    self.write(dockers)
                except OSError:  # the reader has had enough
                    self.ended.set()

        thread = threading.Thread(target=writing)
        thread.start()
        self.threads.append(thread)
        with ours:  # open for as long as the stream is
            return ours.makefile("rb", buffering=0)


def frame(data: bytes, number: int = 1) -> bytes:
    return struct.pack(">BxxxL", number, len(data)) + data


def run(client: Docker) -> tuple[int, bytes]:
    return docker.run(client, CONTAINER, ["consul", "kv", "export"], max_size=MAX_SIZE)


def test_the_output_of_a_command_is_put_together() -> None:
    def write(stream: socket.socket) -> None:
        whole = frame(b"[1,") + frame(b"a warning", 2) + frame(b"") + frame(b"2]")
        for at in range(len(whole)):
            stream.sendall(whole[at : at + 1])

    assert run(Docker(write)) == (0, b"[1,2]")


def test_of_a_command_that_fails_its_errors_are_returned() -> None:
    client = Docker(lambda stream: stream.sendall(frame(b"out") + frame(b"why not", 2)))
    client.code = 1
    assert run(client) == (1, b"why not")
    client.code = None  # it closed its streams, and runs
    assert run(client) == (1, b"why not")


def test_a_command_that_writes_without_end_is_left_at_the_limit() -> None:
    def write(stream: socket.socket) -> None:
        while True:
            stream.sendall(frame(b"x" * 32_768))

    client = Docker(write)
    with pytest.raises(NotServing, match=f"wrote more than {MAX_SIZE} bytes"):
        run(client)
    assert client.ended.wait(60)  # nobody holds the stream any more


def test_one_frame_may_be_announced_of_any_size() -> None:
    def write(stream: socket.socket) -> None:
        stream.sendall(struct.pack(">BxxxL", 1, 0xFFFFFFFF))
        while True:
            stream.sendall(b"x" * 32_768)

    with pytest.raises(NotServing, match="more than"):
        run(Docker(write))


@pytest.mark.parametrize("again", [b"", frame(b"x"), frame(b"")])
def test_a_command_that_does_not_end_is_left_at_the_deadline(again: bytes) -> None:
    """Whether it is silent, or writes a byte now and then."""
    over = threading.Event()

    def write(stream: socket.socket) -> None:
        while not over.wait(0.01):
            stream.sendall(again)

    client = Docker(write, timeout=0.5)
    try:
        with pytest.raises(NotServing, match=r"did not end within 0\.5 s"):
            run(client)
    finally:
        over.set()
        for thread in client.threads:
            thread.join()
