"""A machine that is too busy for its minions: a node that is slow is never called missing.

In the ring one round of a small federation; in ``make soak`` twenty of eighteen minions.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.local import LocalFederation
from tests.support.soak import SOAK
from tests.unit.pusher.conftest import cde, rows

WORKERS = 16 if SOAK else 4
ROUNDS = 20 if SOAK else 1
LOOPS = 2 * (os.cpu_count() or 1)
STOPPED = 20.0  # seconds for which a minion does nothing at all
FED = "federation=fed1"

pytestmark = pytest.mark.timeout(7200 if SOAK else 900)


@pytest.fixture(scope="module")
def busy(fed: LocalFederation) -> Iterator[None]:
    """Two loops for each core that never wait; the federation has a CDE."""
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde().encode())
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
        for _ in range(LOOPS)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def change(fed: LocalFederation, number: int) -> None:
    """Other data at each worker."""
    for node in fed.workers():
        name = node.rpartition("-")[2]
        content = rows(f"edsd-{name}", 12 + number).encode()
        fed.write_data(node, "dementia", f"{name}.csv", content)


def check(fed: LocalFederation) -> None:
    """Consolidate, status and refresh: each names every worker, and none as missing."""
    consolidated = fed.run("mip.consolidate", FED, check=True).json
    assert states(consolidated) == dict.fromkeys(fed.workers(), "ok")
    status = fed.run("mip.status", FED).json
    (reachable,) = (each for each in status["conditions"] if each["type"] == "WorkersReachable")
    assert reachable["status"] == "True", reachable
    refreshed = fed.run("mip.refresh", FED).json
    assert states(refreshed["consolidate"]) == dict.fromkeys(fed.workers(), "ok"), refreshed


def states(consolidated: dict[str, Any]) -> dict[str, str]:
    return {node: found["status"] for node, found in consolidated["workers"].items()}


def test_none_is_missing_on_a_busy_machine(fed: LocalFederation, busy: None) -> None:
    for number in range(ROUNDS):
        change(fed, number)
        check(fed)


def test_none_is_missing_that_did_nothing_for_a_while(fed: LocalFederation, busy: None) -> None:
    for number in range(ROUNDS):
        change(fed, 100 + number)
        node = fed.workers()[number % WORKERS]
        fed.hang(node)
        awake = threading.Timer(STOPPED, fed.resume, [node])
        awake.start()
        try:
            check(fed)
        finally:
            awake.cancel()
            awake.join()
            fed.resume(node)
