"""The command on a real federation: each line of the manual, what it shows, how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import expected, manual
from tests.support.local import LocalFederation
from tests.support.person import Person, fill, typed
from tests.unit.pusher.conftest import catalogue as served

# one that has no CDE: each pathology keeps the master's
catalogue = pytest.fixture(scope="module")(served.__wrapped__)

WORKERS = 3


@pytest.fixture(scope="module")
def person(
    fed: LocalFederation, catalogue: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Person]:
    fill(fed)
    fed.declare({"datacatalogue": {"protocol": "http", "host": catalogue["host"]}})
    someone = Person(fed, tmp_path_factory.mktemp("tmux"))
    try:
        yield someone
    finally:
        someone.ends_the_session()


LINES = manual.lines("loopback", "mip")


@pytest.mark.timeout(1800)
def test_every_line_of_the_manual_ends_as_it_should_and_shows_it(person: Person) -> None:
    wrong = []
    for line in LINES:
        ran = person.types(*line.words)
        code, text = expected.LOOPBACK.get(line.text, (0, expected.shown(line)))
        if ran.code != code or text not in ran.out + ran.err:
            wrong.append(f"{line.text}: {ran.code}, not {code} with {text!r}\n{ran.out}{ran.err}")
    assert not wrong, "\n".join(wrong)


def test_a_program_gets_one_document(person: Person) -> None:
    ran = person.types("--json", "nodes")
    assert json.loads(ran.out)["nodes"]["fed1-wk-h1"]["short"] == "wk1"


def test_an_error_is_one_for_a_person_and_names_are_compared_whole(person: Person) -> None:
    ran = person.types("node", "disable", "--node", "fed1-wk-h")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Federation 'fed1' has no node 'fed1-wk-h'")
    assert person.types("describe", "fed1-wk-h").code == 2


def test_a_node_must_be_named_to_be_disabled(person: Person) -> None:
    before = listed(person)
    ran = person.types("node", "disable")
    assert ran.code == 2
    assert "needs a node" in ran.err
    assert listed(person) == before


def listed(person: Person) -> dict[str, Any]:
    """The nodes, without the moments at which they were asked."""
    nodes: dict[str, Any] = json.loads(person.types("--json", "nodes").out)["nodes"]
    for info in nodes.values():
        info.pop("asked", None)
        info.pop("age", None)
    return nodes


def test_a_check_enables_nobody(person: Person) -> None:
    reason = "its 'disk'; $(touch x) #1: [a, b] {c} \"q\" é"
    assert person.types("node", "disable", "--node", "wk3", "--reason", reason).code == 0
    person.types("node", "check")
    node = json.loads(person.types("--json", "node", "list", "--node", "wk3").out)["nodes"]
    assert node["fed1-wk-h3"]["enabled"] is False
    assert node["fed1-wk-h3"]["disabled"]["reason"] == reason
    assert person.types("node", "enable", "--node", "wk3").code == 0


def test_pathologies_are_taken_with_commas_between(person: Person) -> None:
    person.types("consolidate")
    ran = person.types("--json", "data", "compile", "--force", "--pathology", "dementia,tbi")
    assert ran.code == 0
    found = {name for below in json.loads(ran.out)["nodes"].values() for name in below}
    assert found == {"dementia", "tbi"}


def test_a_misspelt_pathology_is_not_passed_over(person: Person) -> None:
    ran = person.types("data", "compile", "--pathology", "dementai")
    assert ran.code == 1
    assert "dementai" in ran.err


def test_the_structure_is_all_of_standard_output(person: Person) -> None:
    ran = person.types("data", "consolidate", "--export-data-structure")
    assert ran.code == 0
    names = {each["name"] for each in json.loads(ran.out)}
    assert "dementia" in names
    assert "workers took part" in ran.err


def test_a_difference_ends_with_1(person: Person, fed: LocalFederation) -> None:
    person.types("consolidate")
    assert person.types("diff").code == 0
    path = fed.write_data("fed1-wk-h1", "dementia", "new.csv", b"dataset\n" + b"newcomer\n" * 12)
    ran = person.types("diff")
    assert ran.code == 1
    assert "newcomer" in ran.out
    assert person.types("diff", "999").code == 2
    path.unlink()


def test_questions_of_a_review_are_refused_without_a_terminal(person: Person) -> None:
    ran = person.types("data", "consolidate", "--review-dataset-labels")
    assert ran.code == 1
    assert "terminal" in ran.err


def test_a_federation_that_is_not_declared_is_named(person: Person) -> None:
    ran = person.types("--federation", "fed9", "nodes")
    assert ran.code == 1
    assert "'fed9'" in ran.err


def test_the_session_says_how_to_attach_where_there_is_no_terminal(person: Person) -> None:
    ran = person.types("tmux")
    assert ran.code == 0
    assert "-> tmux attach -t fed1" in ran.out
    again = json.loads(person.types("--json", "tmux").out)
    assert (again["changed"], again["attached"]) == (False, False)


def test_progress_is_left_out_on_request(person: Person) -> None:
    assert "the inventories of" in person.types("consolidate").err
    assert person.types("-q", "consolidate").err == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mip nodes | head -1", "nodes"),
        ("mip nodes <&-", "fed1-wk-h1"),
        ("mip nodes >&-", ""),
        ("mip nodes 2>&- <&-", "fed1-wk-h1"),
        # who has enough ends what would watch for ever, also where nothing happens any more
        ("mip events -w | head -1", "consolidated"),
        ("mip status -w --interval 60 | head -1", "status"),
        ("mip --json events -w | head -1 | jq -r .what", "consolidated"),
        ("mip --json status -w --interval 60 | head -1 | jq -r .federation", "fed1"),
        ("mip --json tasks | jq -r '.tasks[0].how'", "mip status"),
        ("TERM=dumb COLUMNS=40 mip nodes", "fed1-wk-h1"),
    ],
)
def test_an_odd_way_to_read_it_is_no_error(person: Person, text: str, shown: str) -> None:
    person.types("consolidate")
    ran = typed(person.fed, text)
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "Exception" not in ran.stderr
    assert ran.returncode == 0
    assert shown in ran.stdout
    assert "\x1b" not in ran.stdout


def test_a_node_described_for_a_program_is_that_node_alone(person: Person) -> None:
    value = json.loads(person.types("--json", "describe", "wk1").out)
    assert set(value["nodes"]) == {"fed1-wk-h1"}
    assert {each["node"] for each in value["problems"]} <= {"fed1-wk-h1", None}
    ran = person.types("--json", "describe", "wk9")
    assert (ran.code, ran.out) == (2, "")
    assert "'wk9'" in ran.err


@pytest.mark.parametrize("term", ["dumb", "nonsense", "xterm-256color"])
def test_a_terminal_of_any_kind_is_watched_on(person: Person, term: str) -> None:
    with person.sits_at("mip", "status", "-w", term=term, columns=40) as terminal:
        terminal.until("federation fed1")
        assert ("\x1b" in terminal.came) is (term != "dumb")
        assert terminal.interrupted() == 130
        assert terminal.restored
        assert "Traceback" not in terminal.text
