"""The time limits fit the engine's own clock: one deployment at its real speed, in `make soak`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.federation.deployed import MASTER
from tests.federation.followed import DATA, Followed
from tests.support.bed import Bed
from tests.support.engine import clock
from tests.support.soak import SOAK
from tests.unit.pusher.conftest import cde

pytestmark = [
    pytest.mark.skipif(not SOAK, reason="takes a quarter of an hour: make soak"),
    pytest.mark.timeout(3600),
]


def _real(value: dict[str, Any]) -> None:
    for name in ("exareme-master", "exareme"):
        value["services"][name]["env"]["ENGINE_CLOCK"] = "1"


@pytest.fixture(scope="module")
def fed(bed: Bed) -> Followed:
    bed.declare(_real)
    made = Followed(bed)
    made.begin()
    return made


def test_a_cde_is_served_after_one_refresh(fed: Followed) -> None:
    fed.well("suspend")
    fed.bed.write(MASTER, f"{DATA}/tbi/CDEsMetadata.json", cde(code="tbi").encode())
    fed.put("fed1-wk-h1", "centre", "tbi")
    ran = fed.mip("refresh", timeout=1800)
    assert (ran.code, ran.value["served"]) == (0, True), ran.text
    assert len(ran.value["restarted"]) == 1 + len(fed.workers)
    fed.well("resume")
    fed.quiet()


def test_copied_data_is_served_by_one_look_and_one_start(fed: Followed) -> None:
    looks = fed.looks()
    ours, engine = fed.follow("fed1-wk-h2", "timely")
    fed.quiet()
    assert fed.looks() - looks <= 2
    print(f"the engine's own start {engine:.1f} s, all before it {ours:.1f} s")
    assert engine >= clock.ACTIVE  # it is the real speed


def test_a_master_that_was_killed_is_followed(fed: Followed) -> None:
    served = fed.served()
    labels = {"label": "mip.service=exareme-master"}
    for container in fed.bed.docker(MASTER).containers.list(filters=labels):
        container.kill()
    fed.serves(served, seconds=900)
    fed.quiet()
