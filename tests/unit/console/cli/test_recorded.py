"""What ``mip`` answers from the pusher's state, and when it asks Salt all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from saltext_mip import results
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.terminal import adapted
from saltext_mip.generations.event_log import EventLog
from saltext_mip.results import Event, StatusResult
from saltext_mip.storage.state import CONTROLLER_LOCK, DECLARED, OBSERVED, write_state
from tests.support.observed import observe, observed
from tests.support.returns import example
from tests.unit.console.cli.scripted import Scripted, context

FED = "fed1"


@pytest.fixture
def last() -> StatusResult:
    found: StatusResult = results.parse("status", example("status-trouble")[1])
    return found


@pytest.fixture
def state(tmp_path: Path, last: StatusResult, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with observed(tmp_path, last) as (config, folder):
        monkeypatch.setenv("SALT_CONFIG_DIR", str(config))
        yield folder


def run(salt: Scripted, *path: str, json: bool = False, **given: Any) -> int:
    made: Context = context(salt, path, json=json)
    return made.action.handler(made, given)


def asks_salt(*path: str, **given: Any) -> bool:
    salt = Scripted()
    try:
        run(salt, *path, **given)
    except KeyboardInterrupt:  # Salt was called
        return True
    assert not salt.calls
    return False


def test_a_status_is_the_last_observation_and_when_it_was_made(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Scripted(), "status") == 0
    out = capsys.readouterr().out
    first, *rest = out.splitlines()
    assert first.startswith("status")
    at = json.loads((state / OBSERVED).read_text())["observed"]["at"]
    assert first.endswith(f"federation fed1, observed {at[:10]} {at[11:16]} UTC")
    assert rest[-1] == "! Researchers can use it in part: 1 of 2 datasets is available."


def test_a_terminal_has_how_long_ago_it_was(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with adapted(verbose=False):
        monkeypatch.setattr("sys.stdout.isatty", lambda: False)
        for path in (("status",), ("node", "status"), ("describe",)):
            run(Scripted(), *path, **({"node": "wk1"} if path == ("describe",) else {}))
            first = capsys.readouterr().out.splitlines()[0]
            assert first.rstrip("0123456789 sago").endswith("observed"), first


def test_json_is_what_the_observer_wrote(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Scripted(), "status", json=True) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((state / OBSERVED).read_text())


def test_a_check_ends_as_one_of_now_does(
    state: Path, last: StatusResult, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Scripted(), "status", json=True, check=True) == 1
    assert json.loads(capsys.readouterr().out)["retcode"] == 1
    observe(state, structs.replace(last, ok=True), ago=1)
    assert run(Scripted(), "status", json=True, check=True) == 0
    assert "retcode" not in json.loads(capsys.readouterr().out)


def test_now_asks_the_nodes_and_so_does_a_watched_status(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not asks_salt("status")
    assert asks_salt("status", now=True)
    assert asks_salt("describe", node="wk1", now=True)
    assert asks_salt("status", watch=True)


def test_an_observation_that_is_old_invalid_or_unreadable_is_not_shown(
    state: Path, last: StatusResult
) -> None:
    observe(state, last, ago=125)
    assert all(map(asks_salt, ("status", "events", "history")))
    observe(state, last, ago=100)
    assert not asks_salt("status")
    (state / OBSERVED).write_text("{}")
    assert asks_salt("status")
    (state / OBSERVED).unlink()
    assert asks_salt("status")
    (state / OBSERVED).mkdir()  # an OSError, also for root
    assert all(map(asks_salt, ("status", "history")))


def test_after_an_operators_action_the_nodes_are_asked(state: Path, last: StatusResult) -> None:
    observed_at = json.loads((state / OBSERVED).read_text())["observed"]["at"]
    EventLog(state).append(Event.of(observed_at, "stopped", "alice"))
    assert asks_salt("status")
    assert not asks_salt("events")  # what is recorded is never old


def test_of_several_federations_one_is_named_and_nothing_else_is_a_name(
    state: Path, last: StatusResult
) -> None:
    assert not asks_salt("status", federation=FED)
    for name in ("fed2", f"../mip/{FED}", ""):
        assert asks_salt("status", federation=name)
    write_state(state.parent / "fed2" / DECLARED, {})
    assert asks_salt("status")
    assert not asks_salt("status", federation=FED)


def test_without_a_controller_or_with_another_configuration_salt_is_asked(
    tmp_path: Path, last: StatusResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    with observed(tmp_path, last, controlled=False) as (config, state):
        monkeypatch.setenv("SALT_CONFIG_DIR", str(config))
        assert asks_salt("status")
        assert not (state / CONTROLLER_LOCK).exists()  # nothing is written by looking
    with observed(tmp_path, last) as (config, _):
        assert not asks_salt("status")
        (config / "master").write_text(f"include: x\n{(config / 'master').read_text()}")
        assert asks_salt("status")


def test_events_and_generations_are_what_is_recorded(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    EventLog(state).append(Event.of("2026-03-12T04:05:00+00:00", "disabled", "alice", "wk2"))
    assert run(Scripted(), "events", json=True, limit=5) == 0
    value = json.loads(capsys.readouterr().out)
    assert [(each["what"], each["actor"]) for each in value["events"]] == [("disabled", "alice")]
    for path in (("history",), ("backup", "list")):
        assert run(Scripted(), *path, json=True) == 0
        value = json.loads(capsys.readouterr().out)
        assert (value["federation"], value["generations"], value["of"]) == (FED, [], 0)
    assert asks_salt("events", limit="many")  # Salt's error is the one
