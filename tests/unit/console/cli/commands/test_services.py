"""``mip status``: of one node, watched, and its errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.console.cli.commands import services
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.errors import MipError, Misuse, UnknownNode
from saltext_mip.problems import Problem
from saltext_mip.results import ReportedProblem
from tests.support.returns import example
from tests.unit.console.cli.commands.conditions import with_condition
from tests.unit.console.cli.scripted import Scripted, context


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "pause", lambda _: None)


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


def test_the_problems_of_a_status_name_the_files_whose_previous_version_is_in_use(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    edsd, ppmi = (
        Problem("TooManyFields", "fed1-wk-h2", "dementia", name, line=4)
        for name in ("edsd.csv", "ppmi.csv")
    )
    kept = Problem("KeptAsItWas", "fed1-wk-h2", "dementia", "edsd.csv", about="since Monday")
    problems = [to_builtins(ReportedProblem.of(each)) for each in (edsd, ppmi, kept)]
    salt = Scripted({**status, "problems": problems})
    services.status(context(salt), {"only_problems": True})
    out = capsys.readouterr().out
    assert "dementia/edsd.csv, line 4; previous version in use since Monday\n" in out
    assert "dementia/ppmi.csv, line 4; left out\n" in out
    assert "KeptAsItWas" not in out


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


def test_a_status_is_written_as_a_page_with_the_last_generations(
    status: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, history = example("history")
    salt = Scripted(status, history)
    path = tmp_path / "status.html"
    assert services.status(context(salt), {"html": str(path), "check": True}) == 0
    assert salt.calls == [
        ("status", {"check": True}),
        ("history", {"federation": "fed1", "limit": 20}),
    ]
    text = path.read_text(encoding="utf-8")
    assert "Federation fed1" in text
    assert f"Generation {history['generations'][0]['generation']}" in text
    assert capsys.readouterr().out.startswith(f"{path}: ")


def test_a_page_of_one_node_names_no_other(status: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "status.html"
    node, *others = status["nodes"]
    services.status(
        context(Scripted(status, example("history")[1])), {"html": str(path), "node": node}
    )
    text = path.read_text(encoding="utf-8")
    assert node in text
    assert [each for each in others if each in text] == []


def test_a_page_that_cannot_be_written_is_an_error_with_its_path(
    status: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "gone" / "status.html"
    with pytest.raises(MipError, match=f"{path} cannot be written: No such file"):
        services.status(context(Scripted(status, example("history")[1])), {"html": str(path)})
    with pytest.raises(Misuse, match="--html"):
        services.status(context(Scripted()), {"html": str(path), "watch": True})
