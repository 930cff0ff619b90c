"""The command on a real federation: each line of the manual, what it shows, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import generator, manual
from tests.support.local import LocalFederation

WORKERS = 3
MIP = [sys.executable, "-m", "saltext_mip.console"]

# there is no Docker, no Keycloak, nothing is held here: such lines say so, and end with 1
NOT_HERE = {
    "deploy": "there is no default",  # of the passwords, which this pillar lacks
    "deploy --dry-run": "there is no default",
    "refresh": None,
    "refresh --timeout 600": None,
    "wait --for Ready --timeout 600": "Ready is not True",
    "approve": "Nothing is held",
    "sync-roles --dry-run": "no Keycloak",
    "check-required": "restart the master",
    "logs --node wk1 --limit 100": "Docker does not answer",
    "logs --since 10m": "Docker does not answer",
}
FOR_EVER = {
    "status -w --problems",
    "events -w",
    "logs --follow --node wk1",
}
ELSEWHERE = "check /srv/export/dementia"
DIFFERENT = {"diff", "diff 1", "backup show 1"}


class Ran:
    """How a line ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr


class Person:
    """Somebody on the pusher, with an empty terminal of their own."""

    def __init__(self, fed: LocalFederation, folder: Path) -> None:
        self.fed = fed
        self.env = {
            **fed.env(),
            "SALT_CONFIG_DIR": str(fed.hosts["pusher"].config),
            "TMUX_TMPDIR": str(folder),
        }
        self.env.pop("TMUX", None)

    def types(self, *words: str, timeout: float = 120) -> Ran:
        done = subprocess.run(
            [*MIP, *words],
            env=self.env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert "unclosed" not in done.stderr
        return Ran(done)

    def interrupts(self, *words: str) -> int:
        """Ctrl-C after its first line, or three seconds; the exit code."""
        process = subprocess.Popen(
            [*MIP, *words],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert "Traceback" not in out
        return process.returncode

    def ends_the_session(self) -> None:
        subprocess.run(["tmux", "kill-server"], env=self.env, capture_output=True, check=False)


@pytest.fixture(scope="module")
def person(fed: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    generator.write(fed.data_path("fed1-ms"), generator.node_of_master())
    for number, node in enumerate(fed.workers(), 1):
        generator.write(fed.data_path(node), generator.hospital(number))
    someone = Person(fed, tmp_path_factory.mktemp("tmux"))
    try:
        yield someone
    finally:
        someone.ends_the_session()


@pytest.mark.timeout(600)
def test_every_line_of_the_manual_is_done_or_says_why_not(person: Person) -> None:
    wrong = []
    for line in manual.lines("pusher"):
        words = manual.words(line)
        said = " ".join(words)
        if said in FOR_EVER:
            code = person.interrupts(*words)
            if code != (1 if "logs" in said else 130):
                wrong.append(f"{line}: {code}")
            continue
        # what would wait for a service that is not here needs no ten minutes to tell
        ran = person.types(*("3" if word == "600" else word for word in words))
        if words[0] == "tmux":
            person.ends_the_session()  # it watches the federation, which takes its time
        expected = {1} if said in NOT_HERE or said.startswith(ELSEWHERE) else {0}
        expected |= {1} if said in DIFFERENT else set()
        if NOT_HERE.get(said, "") is None:
            expected = {0, 1}
        reason = NOT_HERE.get(said) or ""
        if ran.code not in expected or reason not in ran.out + ran.err:
            wrong.append(f"{line}: {ran.code}\n{ran.out[-600:]}{ran.err[-600:]}")
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
    before = person.types("--json", "nodes").out
    ran = person.types("node", "disable")
    assert ran.code == 2
    assert "needs the node" in ran.err
    assert person.types("--json", "nodes").out == before


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
    assert "asking" in person.types("consolidate").err
    assert person.types("-q", "consolidate").err == ""
