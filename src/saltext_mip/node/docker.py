"""The connection to this node's Docker. Every error on the way becomes one of ours.

:func:`connected` is for one piece of work, :func:`connect` for a client that its caller keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests
import urllib3

from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable

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


def cause(exc: Exception) -> str:
    """Why Docker cannot be reached, in few words."""
    text = str(exc)
    if "FileNotFoundError" in text or "No such file" in text:
        return "socket not found"
    if "ConnectionRefused" in text or "Connection refused" in text:
        return "connection refused"
    return text.partition("\n")[0][:200]
