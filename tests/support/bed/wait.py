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


def for_docker(connect: Callable[[], docker.DockerClient], seconds: float = 60) -> None:
    """Until the engine answers that `connect` makes a client of."""

    def answers() -> bool:
        try:
            return bool(connect().ping())
        except (docker.errors.DockerException, requests.ConnectionError):
            return False

    until(answers, seconds=seconds, what="dockerd")


def for_minions(pusher: Host, minions: Sequence[str], seconds: float = 90) -> None:
    """Until every minion answers the master."""
    missing = set(minions)

    def answered() -> bool:
        # one that is silent would hold the command for more than 10 s; the others' answers stand
        result = pusher.run(
            *("timeout", "8", "salt", "-L", ",".join(sorted(missing)), "test.ping"),
            *("--out=json", "--out-indent=-1"),
            check=False,
        )
        for line in result.stdout.splitlines():
            if line.startswith("{"):
                missing.difference_update(
                    name for name, answer in json.loads(line).items() if answer is True
                )
        return not missing

    try:
        until(answered, seconds=seconds, every=0.5, what="minions")
    except TimeoutError as error:
        raise TimeoutError(f"{error}; silent: {', '.join(sorted(missing))}") from None
