"""``mip events`` and ``logs``, also those that go on; ``tmux`` and ``tasks``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.console.cli import follow as follow_logs
from saltext_mip.console.cli.commands import watch
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.console.tmux import server
from saltext_mip.generations.event_log import EventLog
from saltext_mip.results import Event
from tests.support.fake_tmux import FakeTmux
from tests.support.returns import example
from tests.unit.console.cli.scripted import Scripted, context


def event(what: str, about: str) -> Event:
    return Event.of("2026-03-12T04:05:06Z", what, "anna", about)


def test_watched_events_are_the_last_ones_then_each_new_one_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = EventLog(tmp_path)
    log.append(event("disabled", "wk1"))
    listed = {
        "federation": "fed1",
        "events": to_builtins(log.events()),
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


def test_followed_logs_go_to_enabled_nodes_only_by_the_names_that_people_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, nodes = example("nodes")
    followed: dict[str, Any] = {}

    def follow(logins: Any, roles: Any, **options: Any) -> int:
        followed.update(logins=logins, roles=roles, **options)
        return 1

    monkeypatch.setattr(follow_logs, "follow", follow)
    assert watch.logs(context(Scripted(nodes), ("logs",)), {"follow": True, "since": "1h"}) == 1
    enabled = {each["short"] for each in nodes["nodes"].values() if each["enabled"]}
    assert set(followed["logins"]) == set(followed["roles"]) == enabled
    assert len(enabled) < len(nodes["nodes"])
    assert followed["lines"] == 100
    assert followed["since"] == "1h"


def test_logs_of_one_node_are_followed_from_further_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    followed: dict[str, Any] = {}
    monkeypatch.setattr(follow_logs, "follow", lambda logins, roles, **more: followed.update(more))
    salt = Scripted(example("nodes")[1])
    watch.logs(context(salt, ("logs",)), {"follow": True, "node": "wk1"})
    assert followed["lines"] == 10_000


def test_logs_that_are_not_followed_come_from_the_runner(
    capsys: pytest.CaptureFixture[str],
) -> None:
    salt = Scripted(example("logs")[1])
    assert watch.logs(context(salt, ("logs",)), {"node": "wk1", "lines": 5}) == 0
    assert salt.calls == [("logs", {"node": "wk1", "lines": 5})]
    assert "| " in capsys.readouterr().out


def test_an_error_ends_what_would_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    failed = CommandResult(1, error="no pillar")
    assert watch.events(context(Scripted(failed), ("events",)), {"watch": True}) == 1
    assert watch.logs(context(Scripted(failed), ("logs",)), {"follow": True}) == 1
    assert capsys.readouterr() == ("", "no pillar\n" * 2)


def test_the_session_is_made_here_and_not_attached_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tmux = FakeTmux()
    monkeypatch.setattr(server, "Tmux", lambda: tmux)
    salt = Scripted(example("nodes")[1])
    assert watch.tmux(context(salt, ("tmux",)), {"federation": "fed1", "force": True}) == 0
    # not by the runner, which may run as the Salt master's user
    assert salt.calls == [("nodes", {"host_keys": True, "federation": "fed1"})]
    assert set(tmux.sessions) == {"fed1"}
    assert "tmux attach" in capsys.readouterr().out


def test_host_keys_that_are_missing_are_asked_for_before_logs_are_followed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow_logs, "follow", lambda *_, **__: 1)
    noted = example("nodes")[1] | {"notes": ["fed1-wk-chuv: no keys"]}
    salt = Scripted(noted, noted)
    watch.logs(context(salt, ("logs",)), {"follow": True})
    watch.logs(context(salt, ("logs",)), {"follow": True, "node": "wk1"})
    assert [given["host_keys"] for _, given in salt.calls] == [True, "wk1"]
    assert capsys.readouterr().err == "fed1-wk-chuv: no keys\n" * 2


def test_tasks_are_listed_for_a_person_and_for_a_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert watch.tasks(context(Scripted(), ("tasks",)), {"federation": "fed1"}) == 0
    text = capsys.readouterr().out
    assert text.startswith("fed1: mip --help")
    assert watch.tasks(context(Scripted(), ("tasks",), json=True), {}) == 0
    for task in json.loads(capsys.readouterr().out)["tasks"]:
        assert task["how"] in text
