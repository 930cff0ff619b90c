"""One compromised hospital does not speak for another: what it answers in others' names is ignored.

Each command runs twice, in peace and while the second worker answers in the names of all other
nodes; it must come to the same.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterator
from typing import Any

import pytest
import salt.config
from salt.exceptions import AuthenticationError

from saltext_mip.bridge import sls
from saltext_mip.bridge.jobs import Nodes
from saltext_mip.federation import Federation, federations
from saltext_mip.storage.state import JOIN
from tests.support import cdes, generator
from tests.support.compromised import TIMES, CompromisedMinion
from tests.support.local import PUSHER, LocalFederation

WORKERS = 2
# what has no default: without these services, a deployment gets as far as the nodes
OFF = ("portalbackend_db", "portalbackend", "galaxy", "create_dbs")
DECLARE = {"services": dict.fromkeys(OFF, False)}
COMPROMISED = "fed1-wk-h2"
VICTIMS = ["fed1-ms", "fed1-ui", "fed1-wk-h1"]
TRIES = 12  # a node may answer before the first return that is forged in its name arrives


@pytest.fixture(scope="module", autouse=True)
def data(fed: LocalFederation) -> None:
    generator.write(fed.data_path("fed1-ms"), generator.node_of_master())
    for number, node in enumerate(fed.workers(), 1):
        generator.write(fed.data_path(node), generator.hospital(number))


@pytest.fixture
def nodes(fed: LocalFederation) -> Iterator[Nodes]:
    opts = salt.config.master_config(str(fed.hosts[PUSHER].config / "master"))
    with Nodes(opts, timeout=60) as asking:
        yield asking


def declared(fed: LocalFederation) -> Federation:
    return federations({"mip": {"federations": {"fed1": fed.pillar()}}})["fed1"]


def conditions(fed: LocalFederation) -> dict[str, dict[str, Any]]:
    found = fed.run("mip.status", "federation=fed1").json
    return {each["type"]: each for each in found["conditions"]}


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is logged of forged answers."""
    found: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("saltext_mip.bridge.jobs")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def under_attack(
    fed: LocalFederation,
    warnings: list[str],
    function: str,
    *args: str,
    victims: Collection[str] = VICTIMS,
) -> tuple[Any, Any, CompromisedMinion]:
    """What the command returns in peace and then under attack, until each victim was named."""
    peace = fed.run(function, "federation=fed1", *args)
    assert warnings == []
    for _ in range(TRIES):
        seen = len(warnings)
        with CompromisedMinion(fed, COMPROMISED) as minion:
            attacked = fed.run(function, "federation=fed1", *args)
        assert attacked.returncode == peace.returncode, attacked.stdout + attacked.stderr
        now = warnings[seen:]
        for victim in named(now):
            assert victim in attacked.stderr
        if named(warnings) >= set(victims):
            break
    return peace.json, attacked.json, minion


def named(warnings: list[str]) -> set[str]:
    """The nodes in whose names answers were forged, as the log has them."""
    return {victim for victim in VICTIMS if any(victim in warning for warning in warnings)}


def test_a_consolidation_counts_nothing_of_it(fed: LocalFederation, warnings: list[str]) -> None:
    fed.run("mip.consolidate", "federation=fed1", check=True)
    offered = fed.pathologies.read_bytes()
    peace, attacked, minion = under_attack(fed, warnings, "mip.consolidate")
    assert attacked == peace
    assert attacked["changed"] is False
    assert fed.pathologies.read_bytes() == offered
    assert named(warnings) == set(VICTIMS)
    assert minion.sent["federation_node.inventory"] == 2 * TIMES * len(VICTIMS)


def test_a_change_is_staged_and_committed_under_attack(fed: LocalFederation) -> None:
    fed.write_data(
        "fed1-ms",
        "attacked",
        "CDEsMetadata.json",
        cdes.content(variables=[cdes.variable("age", "int")]),
    )
    fed.write_data("fed1-wk-h1", "attacked", "new.csv", b"dataset,age\n" + b"new,70\n" * 20)
    with CompromisedMinion(fed, COMPROMISED) as minion:
        result = fed.run("mip.consolidate", "federation=fed1", check=True).json
    assert result["pathologies"]["attacked"]["datasets"] == {"new": ["fed1-wk-h1"]}
    assert b'"attacked"' in fed.pathologies.read_bytes()
    for step in ("stage", "commit"):
        assert minion.sent[f"federation_node.{step}"] == 2 * TIMES * len(VICTIMS)


def test_a_compilation_counts_nothing_of_it(fed: LocalFederation, warnings: list[str]) -> None:
    fed.run("mip.compile", "federation=fed1")
    victims = {"fed1-ms", "fed1-wk-h1"}
    peace, attacked, _ = under_attack(fed, warnings, "mip.compile", victims=victims)
    for result in (peace, attacked):
        for databases in result["nodes"].values():
            for of in databases.values():
                del of["seconds"]
    assert attacked == peace
    assert named(warnings) == victims


@pytest.mark.parametrize(("step", "more"), [("ready", {}), ("apply_states", {"test": True})])
def test_the_steps_of_a_deployment_count_nothing_of_it(
    fed: LocalFederation, nodes: Nodes, step: str, more: dict[str, Any]
) -> None:
    federation = declared(fed)
    head = [federation.name, federation.digest]
    peace = nodes.ask(f"federation_node.{step}", VICTIMS, head, **more)
    assert not peace.missing
    forged: set[str] = set()
    for _ in range(TRIES):
        with CompromisedMinion(fed, COMPROMISED) as minion:
            attacked = nodes.ask(f"federation_node.{step}", VICTIMS, head, **more)
        found = (attacked.values, attacked.failed, attacked.missing)
        assert found == (peace.values, peace.failed, {})
        assert minion.sent[f"federation_node.{step}"] == 2 * TIMES * len(VICTIMS)
        forged |= set(attacked.forged)
        if forged >= set(VICTIMS):
            break
    assert forged == set(VICTIMS)


@pytest.fixture
def states(fed: LocalFederation) -> Iterator[None]:
    """The states of the package where this master looks for them: it serves no ``salt://mip/``."""
    own = fed.states / "mip"
    shutil.copytree(sls.root() / "states" / "mip", own)
    yield
    shutil.rmtree(own)


@pytest.mark.usefixtures("states")
@pytest.mark.parametrize("more", [(), ("dry_run=True",)])
def test_a_whole_deployment_counts_nothing_of_it(
    fed: LocalFederation, warnings: list[str], more: tuple[str, ...]
) -> None:
    """Without Docker on any node it ends as it does in peace, and has done nothing."""
    peace, attacked, minion = under_attack(fed, warnings, "mip.deploy", *more)
    assert attacked == peace
    assert "ocker" in str(peace)
    assert not (fed.state() / JOIN).exists()
    assert minion.sent["federation_node.ready"] == 2 * TIMES * len(VICTIMS)
    assert named(warnings) == set(VICTIMS)


def test_no_pillar_of_another_node_is_handed_out(fed: LocalFederation) -> None:
    """Whatever id the request or its grains have."""
    minion = CompromisedMinion(fed, COMPROMISED)
    own = minion.pillar(COMPROMISED, {"id": COMPROMISED})
    assert COMPROMISED in own["mip"]["federations"]["fed1"]["nodes"]
    for victim in (PUSHER, *VICTIMS):
        assert minion.pillar(COMPROMISED, {"id": victim, "nodename": victim}) == own
        for sender in (COMPROMISED, victim):
            with pytest.raises(AuthenticationError):
                minion.pillar(victim, {"id": victim}, sender=sender)


def test_the_status_counts_nothing_of_it_and_has_the_condition(
    fed: LocalFederation, warnings: list[str]
) -> None:
    peace, attacked, _ = under_attack(fed, warnings, "mip.status")
    found = {each["type"]: each for each in attacked["conditions"]}
    before = {each["type"]: each for each in peace["conditions"]}
    for type_ in ("WorkersReachable", "DataValid", "Consolidated", "Compiled"):
        assert found[type_] == before[type_]
    assert attacked["pathologies"] == peace["pathologies"]
    forged = conditions(fed)["ForgedAnswer"]
    assert (forged["status"], forged["reason"]) == ("True", "AnswersForged")
    for victim in VICTIMS:
        assert f"in the name of {victim}" in forged["message"]
    assert COMPROMISED not in forged["message"]


def test_no_host_key_is_taken_from_another_node(fed: LocalFederation, warnings: list[str]) -> None:
    path = fed.state() / "known_hosts"
    fed.run("mip.check_nodes", "federation=fed1")
    before = path.read_bytes() if path.exists() else None
    peace, attacked, minion = under_attack(fed, warnings, "mip.check_nodes")
    for result in (peace, attacked):
        for info in result["nodes"].values():
            del info["asked"], info["age"], info["uptime"]  # moments
    assert attacked == peace
    assert (path.read_bytes() if path.exists() else None) == before
    assert minion.sent["federation_node.host_keys"] == 2 * TIMES * len(VICTIMS)
    assert named(warnings) == set(VICTIMS)


def test_genuine_answers_of_other_jobs_functions_and_nodes_are_refused(
    fed: LocalFederation, nodes: Nodes
) -> None:
    """Even if the compromised node had overheard what the others answer."""
    federation = declared(fed)
    head = [federation.name, federation.digest]
    client = nodes._client  # the pages as they are sent, not what the pusher makes of them
    heard = []
    for function in (
        "federation_node.inventory",
        "federation_node.status",
        "federation_node.databases",
    ):
        answers = client.cmd(
            ["fed1-ms", "fed1-wk-h1"], function, head, tgt_type="list", kwarg={"nonce": "old"}
        )
        heard += answers.values()
    assert all(answer["signature"] for answer in heard)
    forged: set[str] = set()
    for _ in range(TRIES):
        with CompromisedMinion(fed, COMPROMISED, replays=heard):
            answers = nodes.ask("federation_node.inventory", ["fed1-ms", "fed1-wk-h1"], head)
        forged |= set(answers.forged)
        if len(forged) == 2:
            break
    names = {node: value["inventory"]["node"] for node, value in answers.values.items()}
    assert names == {"fed1-ms": "fed1-ms", "fed1-wk-h1": "fed1-wk-h1"}
    assert forged == {"fed1-ms", "fed1-wk-h1"}
