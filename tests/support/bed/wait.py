"""Waiting until something is as it should be, and saying what was not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

import docker
import requests

from tests.support.bed.host import Host


def until(question: Callable[[], object], *, seconds: float, every: float = 0.1, what: str) -> None:
    """Back when `question` answers something true; TimeoutError says `what` did not come."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s (last: {answer!r})")
        time.sleep(every)


def for_docker(client: docker.DockerClient, seconds: float = 60) -> None:
    """Until the engine answers."""

    def answers() -> bool:
        try:
            return bool(client.ping())
        except (docker.errors.APIError, requests.ConnectionError, FileNotFoundError):
            return False

    until(answers, seconds=seconds, what=f"dockerd at {client.api.base_url}")


def for_minions(pusher: Host, minions: Sequence[str], seconds: float = 90) -> None:
    """Until every minion answers the master."""
    missing = set(minions)

    def answered() -> bool:
        result = pusher.run(
            *("salt", "-L", ",".join(sorted(missing)), "--out=json", "--static", "-t", "3"),
            "test.ping",
            check=False,
        )
        try:
            answers = json.loads(result.stdout)
        except ValueError:
            return False
        missing.difference_update(name for name, answer in answers.items() if answer is True)
        return not missing

    try:
        until(answered, seconds=seconds, every=0.5, what="minions")
    except TimeoutError as error:
        raise TimeoutError(f"{error}; silent: {', '.join(sorted(missing))}") from None
