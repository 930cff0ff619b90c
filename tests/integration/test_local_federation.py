"""The throw-away federation itself: what the other tests of this ring stand on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.local import LocalFederation

WORKERS = 1
OTHERS = {"fed2": 0}
EVERYONE = {"fed1-ms", "fed1-ui", "fed1-wk-h1", "fed2-ms", "fed2-ui"}


def test_every_node_answers_and_has_its_federations_pillar(fed: LocalFederation) -> None:
    assert fed.up(fed.nodes()) == EVERYONE
    for node, federation in (("fed1-wk-h1", "fed1"), ("fed2-ms", "fed2")):
        pillar = fed.salt(node, "pillar.keys", "mip:federations").json
        assert pillar == {node: [federation]}


def test_the_pushers_own_pillar_has_all_federations(fed: LocalFederation) -> None:
    ran = fed.salt_run("pillar.show_pillar", "pusher", check=True)
    assert set(ran.json["mip"]["federations"]) == {"fed1", "fed2"}


def test_a_killed_node_is_silent_until_it_is_started(fed: LocalFederation) -> None:
    fed.kill("fed1-wk-h1")
    assert fed.up(["fed1-ms", "fed1-wk-h1"]) == {"fed1-ms"}
    fed.start_node("fed1-wk-h1")
    assert fed.up(["fed1-wk-h1"]) == {"fed1-wk-h1"}


def test_a_hung_node_is_silent_until_it_is_resumed(fed: LocalFederation) -> None:
    fed.hang("fed1-wk-h1")
    assert fed.up(["fed1-wk-h1"]) == set()
    fed.resume("fed1-wk-h1")
    fed.wait_up(["fed1-wk-h1"])


def test_a_changed_declaration_reaches_the_nodes(fed: LocalFederation) -> None:
    fed.declare({"min_count": 3})
    asked = fed.salt("fed1-wk-h1", "pillar.get", "mip:federations:fed1:min_count", "unmask=True")
    assert asked.json == {"fed1-wk-h1": 3}


def test_nothing_is_left_of_a_test_that_was_killed() -> None:
    code = (
        "import os; from tests.support.local import LocalFederation;"
        "fed = LocalFederation(workers=0); fed.start(); print(fed.root, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == -9
    left = Path(ran.stdout.strip())
    assert left.is_dir()
    LocalFederation(workers=0).close()
    assert not left.exists()
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(left) not in listing.stdout
