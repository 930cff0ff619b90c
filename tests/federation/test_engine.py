"""What is served holds on an engine as exareme is: changes, failures, answers of another kind.

Nobody types a command but where a test is about one. Each engine restarts once for a cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.federation.deployed import MASTER, PATIENCE
from tests.federation.followed import DATA, Followed
from tests.support.bed.wait import for_docker, until
from tests.support.engine import clock
from tests.unit.pusher.conftest import cde

ENGINE_MASTER = f"{MASTER}_exareme-master"
RECOVERS = 4 * PATIENCE  # the beacon looks twice in a minute, then engines start one by one
NONSENSE = 9099
WITHIN = 15.0  # seconds beyond settle and the engine's own start


@pytest.fixture(scope="module")
def fed(followed: Followed) -> Followed:
    return followed


def restarts(fed: Followed) -> dict[str, int]:
    """How often each engine was restarted by us; Docker's own new tasks do not count."""
    names = [ENGINE_MASTER, *(f"{node}_exareme" for node in fed.workers)]
    return {name: fed.spec(name)["TaskTemplate"].get("ForceUpdate", 0) for name in names}


@contextmanager
def recovered(fed: Followed) -> Iterator[None]:
    """What was served before is served afterwards, with at most one restart of each engine."""
    served, before = fed.served(), restarts(fed)
    assert served
    yield
    fed.serves(served, seconds=RECOVERS)
    fed.quiet()
    assert all(count - before[name] <= 1 for name, count in restarts(fed).items())


def kill(fed: Followed, component: str) -> None:
    labels = {"label": f"mip.service={component}"}
    for container in fed.bed.docker(MASTER).containers.list(filters=labels):
        container.kill()


def test_data_that_is_copied_restarts_its_worker_alone(fed: Followed) -> None:
    before = restarts(fed)
    fed.put("fed1-wk-h1", "copied")
    fed.until_served("fed1-wk-h1", "copied")
    fed.quiet()
    assert restarts(fed) == before | {"fed1-wk-h1_exareme": before["fed1-wk-h1_exareme"] + 1}


def test_it_is_served_within_settle_the_engine_s_own_start_and_a_little(
    fed: Followed, record_property: Callable[[str, object], None]
) -> None:
    """A little: 15 s, on a machine on which an engine starts in the time that its clock gives. On
    one that takes longer for that, in the same run, the rest may take longer by the same factor."""
    node = "fed1-wk-h3"
    before, looks = restarts(fed), fed.looks()
    ours, engine = fed.follow(node, "timely")
    fed.quiet()
    # one look found it, and one more is for what came while that ran
    assert fed.looks() - looks <= 2
    assert restarts(fed) == before | {f"{node}_exareme": before[f"{node}_exareme"] + 1}
    settle, model = fed.bed.settle or 0.0, (clock.START + clock.ACTIVE) / fed.bed.clock
    beyond, slower = ours - settle, max(1.0, engine / model)
    figures = (
        f"served {ours + engine:.1f} s after the copy: settle {settle:g} s, the engine's own start "
        f"{engine:.1f} s ({model:.1f} s by its clock), the rest {beyond:.1f} s"
    )
    record_property("follow", figures)
    print(figures)
    assert beyond <= WITHIN * slower, figures


def test_a_cde_and_a_new_pathology_are_served_after_one_refresh(fed: Followed) -> None:
    before = restarts(fed)
    fed.well("suspend")
    fed.bed.write(MASTER, f"{DATA}/tbi/CDEsMetadata.json", cde(code="tbi").encode())
    fed.put("fed1-wk-h2", "centre", "tbi")
    result = fed.well("refresh")
    assert result["served"] is True
    assert [item["thing"] for item in result["restarted"]] == ["exareme-master", *3 * ["exareme"]]
    assert result["restarted"][1]["node"] == "fed1-wk-h2"
    code, answer = fed.query("LIST_VARIABLES", pathology="tbi", dataset="centre")
    assert code == 200
    assert "mmse" in answer["result"][0]["data"]
    assert all(count - before[name] == 1 for name, count in restarts(fed).items())
    assert fed.well("refresh")["restarted"] == []
    fed.well("resume")
    fed.quiet()


def test_a_master_that_was_killed_is_followed_by_its_workers(fed: Followed) -> None:
    with recovered(fed):
        kill(fed, "exareme-master")


def test_a_keystore_that_was_killed_is_followed_by_all_engines(fed: Followed) -> None:
    with recovered(fed):
        kill(fed, "exareme-keystore")
        until(lambda: not fed.active(), seconds=PATIENCE, what="a keystore that lost all")


def test_all_is_served_again_after_the_master_s_power_was_off(fed: Followed) -> None:
    with recovered(fed):
        fed.bed.fault(MASTER, "poweroff")
        fed.bed.fault(MASTER, "poweron")
        for_docker(lambda: fed.bed.docker(MASTER))


def test_an_engine_that_answers_nonsense_restarts_nothing(fed: Followed) -> None:
    before = restarts(fed)
    redirect = ("OUTPUT", "-p", "tcp", "-d", "127.0.0.1", "--dport", "9090")
    redirect = (*redirect, "-j", "REDIRECT", "--to-ports", str(NONSENSE))
    server = f"setsid python3 -m http.server {NONSENSE} >/dev/null 2>&1 & echo $!"
    process = fed.bed.run(MASTER, "sh", "-c", server).stdout.strip()
    fed.bed.run(MASTER, "iptables", "-t", "nat", "-I", *redirect)
    try:
        status = fed.mip("status").value
        found = {each["type"]: each for each in status["conditions"]}
        assert (found["Served"]["status"], found["Served"]["reason"]) == (
            "Unknown",
            "EngineUnknown",
        )
        assert "501" in found["Served"]["message"]
        # by hand first: a refresh of the controller's own would hold the federation meanwhile
        fed.well("suspend")
        fed.put("fed1-wk-h1", "meanwhile")
        for _ in range(3):
            ran = fed.mip("refresh", "served_within=5")
            assert (ran.code, ran.value["served"], ran.value["restarted"]) == (1, None, [])
        fed.put("fed1-wk-h2", "meanwhile-too")
        fed.well("resume")
        until(lambda: "meanwhile-too.csv" in fed.names("fed1-wk-h2"), seconds=2 * PATIENCE)
        assert restarts(fed) == before
    finally:
        fed.bed.run(MASTER, "iptables", "-t", "nat", "-D", *redirect)
        fed.bed.run(MASTER, "kill", process, check=False)
    fed.until_served("fed1-wk-h1", "meanwhile")
    fed.until_served("fed1-wk-h2", "meanwhile-too")
    fed.quiet()
