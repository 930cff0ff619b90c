"""``mip wait``: until a condition is met, or its time is over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saltext_mip.console.cli.commands import federation
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.errors import Misuse
from tests.unit.console.cli.commands.conditions import with_condition
from tests.unit.console.cli.scripted import Scripted, context


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(federation.time, "sleep", lambda _: None)


def test_wait_ends_when_the_condition_is_met(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted(*(with_condition(status, "Ready", value) for value in ("False", "True")))
    assert federation.wait(context(salt, json=True), {"condition": "ready"}) == 0
    assert len(salt.calls) == 2
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "command": "wait",
        "schema": 1,
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


def test_wait_ends_with_the_error_of_a_status_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    salt = Scripted(CommandResult(1, error="no pillar"))
    assert federation.wait(context(salt), {"condition": "Ready"}) == 1
    assert capsys.readouterr().err == "no pillar\n"
