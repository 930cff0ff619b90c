"""Waiting until hosts are as they should be: :func:`until`, and for what of a bed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import docker
import requests

from tests.support.bed.host import Host
from tests.support.waiting import NotSeen, until

__all__ = ["for_docker", "for_minions", "until"]


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
            *(
                "timeout",
                "--kill-after=4",
                "8",
                "salt",
                "-L",
                ",".join(sorted(missing)),
                "test.ping",
            ),
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
    except NotSeen as error:
        raise NotSeen(f"{error}; silent: {', '.join(sorted(missing))}") from None
