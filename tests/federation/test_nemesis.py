"""Whatever happens, once all is quiet the federation comes to what its hospitals have, by itself.

Short and always the same here; `make soak` makes it long, with a new seed each time.
MIP_NEMESIS_SEED does it again as it was; MIP_NEMESIS_SECONDS sets for how long.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from tests.federation.followed import Followed
from tests.federation.nemesis import Nemesis
from tests.support.bed.wait import until
from tests.support.soak import SOAK

SECONDS = float(os.environ.get("MIP_NEMESIS_SECONDS") or (1800 if SOAK else 45))
CHANCE = random.SystemRandom().randrange(1_000_000) if SOAK else 13
SEED = int(os.environ.get("MIP_NEMESIS_SEED") or CHANCE)
COMES_BACK = 600  # seconds until all must be well: the longest backoff is half of it


@pytest.fixture(scope="module")
def fed(followed: Followed) -> Followed:
    return followed


@pytest.mark.timeout(SECONDS + 2 * COMES_BACK)
def test_a_nemesis_leaves_everything_as_the_last_generation_says(fed: Followed) -> None:
    print(f"\nMIP_NEMESIS_SEED={SEED}")
    nemesis = Nemesis.of(fed, SEED)
    begin = time.monotonic()
    while (at := time.monotonic() - begin) < SECONDS:
        print(f"{at:6.1f} s  {nemesis.deed()}", flush=True)
        time.sleep(nemesis.chance.uniform(0.5, 5))
    nemesis.mend()
    mended = time.monotonic()
    print(f"{mended - begin:6.1f} s  quiet", flush=True)
    until(lambda: well(fed, nemesis), seconds=COMES_BACK, every=2, what="all that must be")
    print(f"well again after {time.monotonic() - mended:.0f} s")


def well(fed: Followed, nemesis: Nemesis) -> bool:
    """Whether all is ready and agrees; what is held is let go, as a person would."""
    if fed.state("refreshed.json").get("kind") == "held":
        print("held:", fed.state("refreshed.json")["message"], flush=True)
        fed.mip("approve")
        return False
    status = fed.mip("status", "check=True")
    if status.code:
        for condition in (status.value or {}).get("conditions", ()):
            if condition["status"] != "True" and condition["type"] != "Ready":
                print("  ", condition["type"], condition["reason"], condition["message"][:300])
        return False
    said = nemesis.disagreements()
    print("   ready, but:" if said else "   ready", "; ".join(said)[:1000], flush=True)
    return not said
