"""Commands that go on: ``status -w``, ``wait``, ``events -w``, ``logs -f``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.console.cli.commands import federation, services, watch
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.errors import Misuse, UnknownNode
from saltext_mip.generations.event_log import Event, EventLog
from tests.support.returns import example
from tests.unit.console.cli.scripted import Scripted, context


@pytest.fixture
def status() -> dict[str, Any]:
    value: dict[str, Any] = example("status-trouble")[1]
    return value


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (services, watch):
        monkeypatch.setattr(module, "pause", lambda _: None)
    monkeypatch.setattr(federation.time, "sleep", lambda _: None)


def with_condition(status: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    others = [each for each in status["conditions"] if each["type"] != name]
    condition = {"type": name, "status": value, "reason": "Why", "message": "Because."}
    return {**status, "conditions": [condition, *others]}


def test_a_pipe_gets_a_watched_status_once_for_each_change(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = with_condition(status, "Suspended", "True")
    salt = Scripted(status, status, changed)
    with pytest.raises(KeyboardInterrupt):
        services.status(context(salt), {"watch": True, "only_problems": True, "federation": "fed1"})
    out = capsys.readouterr().out
    assert out.count("federation fed1") == 2
    assert out.count("Suspended: Why. Because.") == 1
    assert salt.calls == [("status", {"federation": "fed1"})] * 4


def test_a_program_gets_a_watched_status_as_a_document_a_line_also_of_an_error(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted(status, CommandResult(1, error="no pillar"))
    with pytest.raises(KeyboardInterrupt):
        services.status(context(salt, json=True), {"watch": True})
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == json.loads(json.dumps(status))
    assert json.loads(second) == {"error": "no pillar"}


def test_a_status_of_one_node_is_that_node_alone(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    node = next(iter(status["nodes"]))
    services.status(context(Scripted(status), json=True), {"node": status["nodes"][node]["short"]})
    assert list(json.loads(capsys.readouterr().out)["nodes"]) == [node]
    with pytest.raises(UnknownNode):
        services.status(context(Scripted(status)), {"node": "wk99"})


def test_an_interval_below_a_second_is_refused() -> None:
    with pytest.raises(Misuse, match="at least 1"):
        services.status(context(Scripted()), {"watch": True, "interval": 0})


def test_wait_ends_when_the_condition_is_met(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted(*(with_condition(status, "Ready", value) for value in ("False", "True")))
    assert federation.wait(context(salt, json=True), {"condition": "ready"}) == 0
    assert len(salt.calls) == 2
    assert json.loads(capsys.readouterr().out) == {
        "condition": "Ready",
        "status": "True",
        "met": True,
    }


def test_wait_for_the_opposite_is_met_by_a_condition_that_is_absent(status: dict[str, Any]) -> None:
    status["conditions"] = [each for each in status["conditions"] if each["type"] != "Held"]
    assert federation.wait(context(Scripted(status)), {"condition": "Held=False"}) == 0


def test_wait_names_the_reason_when_time_is_over(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted(with_condition(status, "Ready", "False"))
    assert federation.wait(context(salt), {"condition": "Ready", "timeout": 0}) == 1
    assert "Ready=True: Why. Because." in capsys.readouterr().err


@pytest.mark.parametrize("condition", ["Reddy", "Ready=Maybe"])
def test_wait_refuses_what_is_no_condition(condition: str) -> None:
    with pytest.raises(Misuse, match="--for takes a condition"):
        federation.wait(context(Scripted()), {"condition": condition})


def event(what: str, about: str) -> Event:
    return Event(when="2026-03-12T04:05:06Z", what=what, actor="anna", about=about, message="")


def test_watched_events_are_the_last_ones_then_each_new_one_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = EventLog(tmp_path)
    log.append(event("disabled", "wk1"))
    listed = {
        "events": [{**example_event(each)} for each in log.events()],
        "of": 1,
        "record": str(tmp_path / "events.jsonl"),
    }
    new = iter((event("enabled", "wk1"), event("stopped", "wk2"), None))

    def pause(_: float) -> None:
        if (next_event := next(new)) is None:
            raise KeyboardInterrupt
        log.append(next_event)

    monkeypatch.setattr(watch, "pause", pause)
    salt = Scripted(listed)
    with pytest.raises(KeyboardInterrupt):
        watch.events(context(salt, ("events",), json=True), {"watch": True, "limit": 1})
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["what"] for each in documents] == ["disabled", "enabled", "stopped"]
    assert salt.calls == [("events", {"limit": 1})]


def example_event(found: Event) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(replace(found))


def test_followed_logs_go_to_enabled_nodes_only_by_the_names_that_people_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, nodes = example("nodes")
    nodes["ssh"] = {"user": "root", "port": 22, "known_hosts": "/known"}
    followed: dict[str, Any] = {}

    def follow(logins: Any, roles: Any, **options: Any) -> int:
        followed.update(logins=logins, roles=roles, **options)
        return 1

    monkeypatch.setattr(watch.follow, "follow", follow)
    assert watch.logs(context(Scripted(nodes), ("logs",)), {"follow": True, "since": "1h"}) == 1
    enabled = {each["short"] for each in nodes["nodes"].values() if each["enabled"]}
    assert set(followed["logins"]) == set(followed["roles"]) == enabled
    assert len(enabled) < len(nodes["nodes"])
    assert followed["lines"] == 100
    assert followed["since"] == "1h"
