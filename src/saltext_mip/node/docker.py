"""This node's Docker, and its errors as a person's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests

from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable

OLDEST = (1, 40)  # of Docker 19.03
TIMEOUT = 60


@contextmanager
def connected(timeout: float = TIMEOUT) -> Iterator[Any]:
    """A client of the docker SDK; what it raises comes out as ours."""
    try:
        client = docker.from_env(timeout=timeout)
    except (docker.errors.DockerException, requests.RequestException) as exc:
        raise DockerUnavailable(cause(exc)) from None
    try:
        version = client.api.api_version
        if tuple(map(int, version.split("."))) < OLDEST:
            raise DockerUnavailable(f"its API {version} is too old; Docker 19.03 is needed")
        yield client
    except docker.errors.APIError as exc:
        raise DockerFailed(str(exc.explanation or exc).strip()) from None
    except (docker.errors.DockerException, requests.RequestException) as exc:
        raise DockerUnavailable(cause(exc)) from None
    finally:
        client.close()


def cause(exc: Exception) -> str:
    """What is wrong, in few words."""
    text = str(exc)
    if "FileNotFoundError" in text or "No such file" in text:
        return "there is no socket"
    if "ConnectionRefused" in text or "Connection refused" in text:
        return "nobody listens on its socket"
    return text.partition("\n")[0][:200]
