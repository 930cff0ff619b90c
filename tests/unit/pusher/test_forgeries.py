"""Forged answers are recorded, shown as a condition for a day, and reported once a day and node."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.pusher import forgeries
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.consolidate import consolidate
from saltext_mip.pusher.survey import Options
from saltext_mip.storage.state import FORGERIES
from tests.support.folders import Folders

NOW = datetime(2026, 3, 12, 10, 0, tzinfo=UTC)


def test_they_are_counted_by_the_node_in_whose_name_they_came(tmp_path: Path) -> None:
    assert forgeries.remember(tmp_path, "inventory", {"b": 3, "a": 1}, NOW) == ["a", "b"]
    later = NOW + timedelta(minutes=5)
    assert forgeries.remember(tmp_path, "status", {"b": 2, "c": 1}, later) == ["c"]
    (found,) = forgeries.conditions(tmp_path, later)
    assert (found.type, found.status, found.reason) == ("ForgedAnswer", "True", "AnswersForged")
    assert found.since == "2026-03-12T10:00:00+00:00"
    assert found.message == (
        "ignored: 1 in the name of a (inventory), the last at 2026-03-12T10:00:00+00:00; "
        "5 in the name of b (inventory, status), the last at 2026-03-12T10:05:00+00:00; "
        "1 in the name of c (status), the last at 2026-03-12T10:05:00+00:00. "
        "Any minion with an accepted key may have sent them"
    )


def test_the_condition_ends_a_day_after_the_last_one(tmp_path: Path) -> None:
    forgeries.remember(tmp_path, "inventory", {"a": 1}, NOW)
    assert forgeries.conditions(tmp_path, NOW + timedelta(hours=23))
    assert forgeries.conditions(tmp_path, NOW + timedelta(hours=25)) == []
    assert forgeries.remember(tmp_path, "status", {"a": 1}, NOW + timedelta(hours=25)) == ["a"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": {"count": "x"}}'])
def test_a_record_that_is_broken_is_begun_again(tmp_path: Path, content: str) -> None:
    (tmp_path / FORGERIES).write_text(content)
    assert forgeries.conditions(tmp_path, NOW) == []
    assert forgeries.remember(tmp_path, "inventory", {"a": 1}, NOW) == ["a"]
    assert len(forgeries.conditions(tmp_path, NOW)) == 1


@pytest.fixture
def attacked(fed: Folders, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """A federation in which somebody answers in the name of the first worker."""
    ask = fed.ask

    def forged(function: str, *arguments: Any, **keywords: Any) -> Answers:
        found = ask(function, *arguments, **keywords)
        counts: Mapping[str, int] = (
            {"fed1-wk-h1": 40} if function.startswith("federation_node") else {}
        )
        return Answers(found.values, found.missing, found.failed, counts)

    monkeypatch.setattr(fed, "ask", forged)
    return fed


def test_they_neither_stop_nor_change_a_consolidation(attacked: Folders) -> None:
    result = consolidate(attacked.pusher, Options())
    assert result.pathologies["dementia"].datasets == {
        "edsd": ["fed1-wk-h1"],
        "ppmi": ["fed1-wk-h2"],
    }
    assert "warning: forged answers in the name of fed1-wk-h1 were ignored" in attacked.said


def test_the_event_log_has_them_once_a_day_and_the_node(attacked: Folders) -> None:
    consolidate(attacked.pusher, Options())
    consolidate(attacked.pusher, Options())
    events = [each for each in attacked.pusher.store.event_log.events() if each.what == "forged"]
    assert [(each.about, each.actor) for each in events] == [("fed1-wk-h1", "")]
