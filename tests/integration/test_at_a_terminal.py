"""At a terminal: what watches changes by itself, what asks is answered, what waits is ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from saltext_mip.pusher.questions.removals import QUESTION
from tests.support import manual, salthost
from tests.support.local import LocalFederation
from tests.support.person import Person, fill
from tests.support.terminal import PATIENCE
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(900)

WORKERS = 2
INTERRUPTED = 130


@pytest.fixture(scope="module")
def person(fed: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    fill(fed)
    someone = Person(fed, tmp_path_factory.mktemp("tmux"))
    assert someone.types("consolidate").code == 0
    try:
        yield someone
    finally:
        someone.ends_the_session()


def tmux(person: Person, *argv: str) -> list[str]:
    return person.tmux(*argv).splitlines()


def test_every_line_that_goes_on_or_asks_has_its_test_here() -> None:
    assert {line.text for line in manual.lines("terminal")} == {
        "mip data consolidate --review-dataset-labels",
        "mip status -w --problems",
        "mip events -w",
    }


@pytest.mark.parametrize("extra", [(), ("--problems",)], ids=["all", "problems"])
def test_a_watched_status_changes_by_itself_when_a_worker_goes_and_comes(
    person: Person, fed: LocalFederation, extra: tuple[str, ...]
) -> None:
    with person.sits_at("mip", "status", "-w", *extra, "--interval", "1") as terminal:
        terminal.shows(lambda screen: "federation fed1" in screen)
        assert "NodeSilent" not in terminal.screen
        fed.kill("fed1-wk-h2")
        terminal.shows(lambda screen: "NodeSilent" in screen)
        fed.start_node("fed1-wk-h2")
        terminal.shows(lambda screen: "federation fed1" in screen and "NodeSilent" not in screen)
        assert terminal.interrupted() == INTERRUPTED
        assert terminal.restored
        assert "Traceback" not in terminal.text


def test_a_watched_status_begins_at_the_top_of_a_terminal_that_is_too_small(
    person: Person,
) -> None:
    with person.sits_at("mip", "status", "-w", "--interval", "1", lines=8) as terminal:
        terminal.shows(lambda screen: "more lines; a higher terminal" in screen)
        first, *rest = terminal.screen.splitlines()
        assert "federation fed1" in first
        assert len(rest) < 8
        assert terminal.interrupted() == INTERRUPTED


def test_watched_events_come_when_something_happens(person: Person, fed: LocalFederation) -> None:
    with person.sits_at("mip", "events", "-w") as terminal:
        before = terminal.until("consolidated")
        fed.write_data("fed1-wk-h1", "dementia", "late.csv", b"dataset\n" + b"late\n" * 12)
        assert person.types("consolidate").code == 0
        terminal.until("+dementia/late", after=before)
        assert person.types("node", "disable", "--node", "wk2", "--reason", "its disk").code == 0
        terminal.until("disabled      fed1-wk-h2 by root: its disk", after=before)
        assert person.types("node", "enable", "--node", "wk2").code == 0
        terminal.until("enabled", after=before)
        assert terminal.interrupted() == INTERRUPTED
        assert terminal.restored
        assert "Traceback" not in terminal.text


@pytest.mark.parametrize(
    "argv",
    [
        ("mip", "data", "consolidate", "--review-dataset-labels"),
        ("salt-run", "mip.consolidate", "federation=fed1", "review_dataset_labels=True"),
    ],
    ids=["mip", "salt-run"],
)
def test_a_review_asks_for_each_label_and_ends_well(
    person: Person, fed: LocalFederation, argv: tuple[str, ...]
) -> None:
    program = argv if argv[0] == "mip" else (salthost.command(argv[0]), *argv[1:])
    with person.sits_at(*program) as terminal:
        terminal.type("Typed ahead\n")
        terminal.until("Relabel pathology 'dementia'? [Dementia] (Enter keeps it) ")
        answered, end = 0, time.monotonic() + PATIENCE
        while terminal.running and time.monotonic() < end:
            if terminal.text.count("(Enter keeps it) ") > answered:  # one answer to each question
                terminal.type("\n")
                answered += 1
            time.sleep(0.05)
        assert terminal.ends() == 0
        assert "Typed ahead" not in person.types("--json", "diff", "1").out
        assert (
            "Pathology 'dementia': Relabel dataset 'edsd'? [EDSD] (Enter keeps it) "
            in terminal.text
        )
        assert "workers took part" in terminal.text
        assert terminal.restored


def test_a_review_that_is_interrupted_changes_nothing(person: Person) -> None:
    before = person.types("--json", "history").out
    with person.sits_at("mip", "data", "consolidate", "--review-dataset-labels") as terminal:
        terminal.until("Relabel pathology 'dementia'? [Dementia] (Enter keeps it) ")
        assert terminal.interrupted() == INTERRUPTED
        assert "Traceback" not in terminal.text
        assert terminal.restored
    assert person.types("--json", "history").out == before


@pytest.mark.parametrize(
    "argv",
    [("mip", "consolidate"), ("mip", "refresh"), ("salt-run", "mip.refresh", "federation=fed1")],
    ids=["consolidate", "refresh", "salt-run"],
)
def test_who_removes_a_hospitals_last_dataset_is_asked_first(
    person: Person, fed: LocalFederation, argv: tuple[str, ...]
) -> None:
    assert person.types("consolidate").code == 0
    before = fed.pathologies.read_bytes()
    files = {path: path.read_bytes() for path in fed.data_path("fed1-wk-h2").glob("*/*.csv")}
    program = argv if argv[0] == "mip" else (salthost.command(argv[0]), *argv[1:])
    try:
        for path in files:
            path.unlink()
        with person.sits_at(*program, columns=100) as terminal:
            terminal.until(QUESTION)
            *listed, question = terminal.screen.rstrip("\n").split("\n")
            assert question == QUESTION  # on a line of its own, below what it is about
            assert any(line.startswith("    the last dataset of fed1-wk-h2") for line in listed)
            terminal.type("\n")
            assert terminal.ends() == 1
            assert terminal.text.rstrip().splitlines()[-1].strip() == "Nothing was changed."
            assert terminal.restored
        assert fed.pathologies.read_bytes() == before
        assert "removing" not in person.types("events").out
        planned = person.types(
            argv[-1].split(".")[-1] if argv[0] == "mip" else "refresh", "--dry-run"
        )
        assert "Without a terminal" in planned.out
    finally:
        for path, content in files.items():
            path.write_bytes(content)


def test_after_a_yes_it_is_removed(person: Person, fed: LocalFederation) -> None:
    assert person.types("consolidate").code == 0
    files = {path: path.read_bytes() for path in fed.data_path("fed1-wk-h2").glob("*/*.csv")}
    try:
        for path in files:
            path.unlink()
        with person.sits_at("mip", "consolidate", columns=100) as terminal:
            terminal.until(QUESTION)
            terminal.type("yes\n")
            assert terminal.ends() == 0
            assert "An automatic refresh would have held this:" in terminal.text
            assert "is committed" in terminal.text
            assert terminal.restored
        assert "removing" in person.types("events").out
    finally:
        for path, content in files.items():
            path.write_bytes(content)
        assert person.types("consolidate").code == 0


@pytest.mark.parametrize(
    ("argv", "begun"),
    [
        (("mip", "wait", "--for", "Ready"), "waiting for Ready=True"),
        (("mip", "consolidate"), "waiting up to 300 s for"),
        (("mip", "refresh"), "waiting up to 300 s for"),
    ],
    ids=["wait", "consolidate", "refresh"],
)
def test_what_waits_ends_at_once_by_ctrl_c(
    person: Person, fed: LocalFederation, argv: tuple[str, ...], begun: str
) -> None:
    path = fed.state() / "lock"
    # a person who holds the federation
    holder = subprocess.Popen(["flock", str(path), "sleep", "600"])
    try:
        until(lambda: subprocess.run(["flock", "-n", str(path), "true"], check=False).returncode)
        with person.sits_at(*argv, columns=200) as terminal:
            terminal.until(begun)
            assert terminal.interrupted() == INTERRUPTED
            assert terminal.restored
            assert "Traceback" not in terminal.text
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize("late", [0, 0.1, 0.3, 0.6, 1, 2])
def test_ctrl_c_ends_it_at_whatever_moment_it_is_pressed(person: Person, late: float) -> None:
    with person.sits_at("mip", "-q", "wait", "--for", "Ready", columns=200) as terminal:
        until(lambda: terminal.interruptible, every=0.01)
        time.sleep(late)  # not to wait for anything: the moment is the case
        assert terminal.interrupted() == INTERRUPTED
        assert terminal.restored
        assert terminal.text.replace("^C", "").strip() == ""


@pytest.mark.parametrize("argv", [("mip", "tmux"), ("salt-run", "mip.tmux", "federation=fed1")])
def test_the_session_is_attached_at_a_terminal_and_left_by_a_key(
    person: Person, argv: tuple[str, ...]
) -> None:
    person.ends_the_session()
    program = argv if argv[0] == "mip" else (salthost.command(argv[0]), *argv[1:])
    with person.sits_at(*program, columns=100, lines=30) as terminal:
        while not (clients := tmux(person, "list-clients", "-F", "#{client_session}")):
            assert terminal.running
        assert clients == ["fed1"]
        terminal.until("0:bash*")
        terminal.type("\x02d")
        assert terminal.ends() == 0
        assert "[detached (from session fed1)]" in terminal.text
        assert terminal.restored
    assert tmux(person, "list-sessions", "-F", "#{session_name}") == ["fed1"]
    person.ends_the_session()


def test_inside_tmux_the_client_is_taken_along(person: Person) -> None:
    person.ends_the_session()
    with person.sits_at("tmux", "new-session", "-s", "own", columns=100, lines=30) as terminal:
        while tmux(person, "list-clients", "-F", "#{client_session}") != ["own"]:
            assert terminal.running
        run = f"{salthost.command('salt-run')} mip.tmux federation=fed1"
        tmux(person, "send-keys", "-t", "own:", run, "Enter")
        while tmux(person, "list-clients", "-F", "#{client_session}") != ["fed1"]:
            assert terminal.running
            time.sleep(0.1)
        assert sorted(tmux(person, "list-sessions", "-F", "#{session_name}")) == ["fed1", "own"]
    person.ends_the_session()
