"""The connection to this node's Docker. Every error on the way becomes one of ours.

:func:`connected` is for one piece of work, :func:`connect` for a client that its caller keeps.
"""

from __future__ import annotations

import select
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import docker
import requests
import urllib3

from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable, NotServing

OLDEST = (1, 40)  # the API of Docker 19.03
TIMEOUT = 60.0  # seconds for one answer


@contextmanager
def connected(timeout: float = TIMEOUT) -> Iterator[Any]:
    """A client of the docker SDK; ``timeout`` in seconds.

    :class:`DockerUnavailable` or :class:`DockerFailed`, also for what the caller's calls raise.
    """
    client = connect(timeout)
    try:
        with docker_errors():
            yield client
    finally:
        client.close()


def connect(timeout: float | None = TIMEOUT) -> Any:
    """A client of the docker SDK, for calls within :func:`docker_errors`.

    ``timeout`` in seconds; ``None`` for a follower, since a component may be silent for days.
    """
    with docker_errors():
        client = docker.from_env(timeout=timeout)
        version = client.api.api_version
        if tuple(map(int, version.split("."))) < OLDEST:
            raise DockerUnavailable(f"API version {version} is too old; Docker 19.03 is required")
        return client


@contextmanager
def docker_errors() -> Iterator[None]:
    """What the SDK and the layers below it raise, as :class:`DockerFailed` where Docker refused,
    else as :class:`DockerUnavailable`."""
    try:
        yield
    except docker.errors.APIError as exc:
        raise DockerFailed(str(exc.explanation or exc).strip()) from None
    except (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        ConnectionError,
        TimeoutError,
    ) as exc:
        raise DockerUnavailable(cause(exc)) from None


def run(
    client: Any,
    container: Any,
    command: Sequence[str],
    *,
    max_size: int,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[int, bytes]:
    """Run a command in a container: its exit code, and what it wrote, errors only if it failed.

    :class:`NotServing` where the command did not end within the client's ``timeout``, or wrote more
    than ``max_size`` bytes. The SDK's own ``exec_run`` waits and reads without a limit.
    """
    end = clock() + client.api.timeout
    exec_id = client.api.exec_create(container.id, list(command))["Id"]
    stream = client.api.exec_start(exec_id, socket=True)
    try:
        written = _frames(stream, max_size, lambda: end - clock())
    except TimeoutError:
        raise NotServing(f"{command[0]} did not end within {client.api.timeout:g} s") from None
    except _TooLarge:
        raise NotServing(f"{command[0]} wrote more than {max_size} bytes") from None
    finally:
        stream.close()
    code = client.api.exec_inspect(exec_id)["ExitCode"]
    code = 1 if code is None else int(code)  # it closed its streams, and runs
    return code, written[_ERRORS] if code and written[_ERRORS] else written[_OUTPUT]


_OUTPUT, _ERRORS = 1, 2  # the streams of Docker's frames


class _TooLarge(Exception):
    pass


def _frames(stream: Any, max_size: int, left: Callable[[], float]) -> dict[int, bytes]:
    """What a command wrote, by stream, until it closes them."""
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLIN | select.POLLPRI)
    found: dict[int, list[bytes]] = {_OUTPUT: [], _ERRORS: []}

    def read(wanted: int) -> bytes:
        seconds = left()
        if seconds <= 0 or not poll.poll(seconds * 1000):
            raise TimeoutError
        data: bytes = stream.recv(wanted) if hasattr(stream, "recv") else stream.read(wanted)
        return data

    size = 0
    header = b""
    while data := read(8 - len(header)):
        header += data
        if len(header) < 8:
            continue
        number, of_frame = struct.unpack(">BxxxL", header)
        header = b""
        while of_frame and (data := read(min(of_frame, 64 << 10))):
            of_frame -= len(data)
            size += len(data)
            if size > max_size:
                raise _TooLarge
            found.setdefault(number, []).append(data)
    return {number: b"".join(parts) for number, parts in found.items()}


def cause(exc: Exception) -> str:
    """Why Docker cannot be reached, in few words."""
    text = str(exc)
    if "FileNotFoundError" in text or "No such file" in text:
        return "socket not found"
    if "ConnectionRefused" in text or "Connection refused" in text:
        return "connection refused"
    return text.partition("\n")[0][:200]
