"""Putting a generation back where services run: what the engines still answer is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.pusher.compile import compile_federation
from saltext_mip.pusher.refresh import refresh
from saltext_mip.pusher.services import deploy, rollout, wait
from saltext_mip.pusher.survey import Options
from tests.support import commands
from tests.support.returns import text_of
from tests.support.services import Services
from tests.unit.pusher.conftest import rows, with_data


class Announcing(Services):
    """An engine announces what its node's databases have, listed or not."""

    def _start(self, name: str) -> None:
        super()._start(name)
        task = self.tasks[name]
        assert task is not None
        folder = self.data(self.desired[name].node)
        task.loaded = {path.parent.name: _datasets(path) for path in folder.glob("*/datasets.db")}


def _datasets(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [code for (code,) in database.execute("SELECT DISTINCT dataset FROM DATA")]


@pytest.fixture
def twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Served: generation 1 with edsd and ppmi, then generation 2 with late too."""
    monkeypatch.setattr(wait, "POLL_INTERVAL", 0.0)
    monkeypatch.setattr(wait, "STEADY", 0.0)
    fed = with_data(Announcing(tmp_path))
    commands.consolidate(fed.pusher, Options())
    compile_federation(fed.pusher, timeout=0)
    deploy.deploy(fed.pusher)
    fed.write("fed1-wk-h1", "dementia", "late.csv", rows("late"))
    assert refresh(fed.pusher).served is True
    return fed


def back(fed: Services) -> dict[str, Any]:
    found: dict[str, Any] = commands.rollback(fed.pusher, None, dry_run=False, timeout=0)
    return found


def test_a_dataset_that_is_listed_no_more_and_whose_file_is_there_is_named(twice: Services) -> None:
    done = back(twice)
    assert (done.get("retcode"), done["served"], done["differences"]) == (None, True, [])
    (note,) = done["notes"]
    assert note.startswith(
        "Dataset late of dementia is no longer listed, but its file is still on fed1-wk-h1"
    )
    assert "late" in twice.serving["datasets"]["dementia"]


def test_one_whose_file_is_gone_is_gone(twice: Services) -> None:
    twice.data("fed1-wk-h1", "dementia", "late.csv").unlink()
    done = back(twice)
    assert (done.get("retcode"), done["served"], done["notes"]) == (None, True, [])
    assert "late" not in twice.serving["datasets"]["dementia"]


def test_a_dataset_that_comes_back_as_a_name_only_is_not_waited_for(twice: Services) -> None:
    twice.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    done = back(twice)
    assert [(each["dataset"], each["node"]) for each in done["unavailable"]] == [
        ("ppmi", "fed1-wk-h2")
    ]
    assert (done.get("retcode"), done["served"], done["differences"]) == (None, True, [])
    assert "ppmi" not in twice.serving["datasets"]["dementia"]
    assert [(each["dataset"], each["available"]) for each in done["datasets"]] == [
        ("edsd", True),
        ("ppmi", False),
    ]
    shown = " ".join(text_of("rollback", done).split())
    assert shown.endswith(
        "Generation 1 is restored as generation 3: 1 of 2 datasets is available. Only the"
        " name of 1 dataset came back."
    )


def test_what_is_served_and_not_known_is_no_success(
    twice: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "serve", partial(rollout.serve, within=0.0))
    observed = twice._services

    def proxied(*arguments: Any, **keywords: Any) -> Any:
        value = observed(*arguments, **keywords)
        served = {"active": None, "datasets": None, "error": "a proxy's page", "unknown": True}
        return value | {"served": served}

    twice._services = proxied  # type: ignore[method-assign]
    done = back(twice)
    assert (done["served"], done["retcode"]) == (None, 1)
    assert "What is served is unknown: a proxy's page" in done["notes"]


def test_a_file_that_is_left_out_is_no_failure(twice: Services) -> None:
    twice.write("fed1-wk-h1", "dementia", "bad.csv", "dataset,age\nbad,old\n")
    done = back(twice)
    assert ("retcode" in done, done["served"], done["differences"]) == (False, True, [])
    assert "1 database without all files: 1 file left out." in text_of("rollback", done)
