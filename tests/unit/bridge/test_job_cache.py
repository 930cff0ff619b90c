"""Our own jobs are removed from Salt's local job cache: as Salt's own returner lays it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from salt.returners import local_cache

from saltext_mip.bridge.jobs import LATE, SETTLED, JobCache

NODES = ("fed1-wk-h1", "fed1-wk-h2")
OURS, OTHERS = "20260312040500000001", "20260312040500000002"


@pytest.fixture
def opts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found = {"cachedir": str(tmp_path), "hash_type": "sha256", "master_job_cache": "local_cache"}
    monkeypatch.setattr(local_cache, "__opts__", found, raising=False)
    return found


def publish(jid: str) -> None:
    local_cache.prep_jid(passed_jid=jid)
    local_cache.save_load(jid, {"jid": jid, "fun": "test.ping"}, minions=NODES)


def answer(jid: str, node: str) -> None:
    local_cache.prep_jid(passed_jid=jid)
    local_cache.returner({"jid": jid, "id": node, "return": True, "retcode": 0})


def files(opts: dict[str, Any]) -> list[Path]:
    return [path for path in Path(opts["cachedir"]).rglob("*") if path.is_file()]


def cache(opts: dict[str, Any], age: float = 0.0, **more: Any) -> JobCache:
    import time

    return JobCache(opts, now=lambda: time.time() + age, **more)


def test_a_job_that_all_answered_leaves_no_file_and_others_stay(opts: dict[str, Any]) -> None:
    publish(OTHERS)
    kept = files(opts)
    publish(OURS)
    for node in NODES:
        answer(OURS, node)
    cache(opts).remove(OURS, NODES, NODES)
    assert sorted(files(opts)) == sorted(kept)


def test_a_return_that_was_heard_is_waited_for_until_it_is_written(opts: dict[str, Any]) -> None:
    publish(OURS)
    answer(OURS, NODES[0])
    rests: list[float] = []

    def sleep(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 3:
            answer(OURS, NODES[1])

    cache(opts, sleep=sleep).remove(OURS, NODES, NODES)
    assert len(rests) == 3
    assert files(opts) == []


def test_what_comes_of_a_late_answer_is_removed_later(opts: dict[str, Any]) -> None:
    publish(OURS)
    answer(OURS, NODES[0])
    cache(opts).remove(OURS, NODES, NODES[:1])
    answer(OURS, NODES[1])
    left = files(opts)
    cache(opts, age=SETTLED / 2).remove_late()  # it may be being written now
    assert files(opts) == left
    cache(opts, age=2 * SETTLED).remove_late()
    (note,) = files(opts)
    assert note.name == OURS
    answer(OURS, NODES[1])
    cache(opts, age=2 * LATE).remove_late()
    assert files(opts) == []


def test_a_cache_elsewhere_is_left_alone(opts: dict[str, Any]) -> None:
    publish(OURS)
    kept = files(opts)
    other = JobCache({**opts, "master_job_cache": "redis"})
    other.remove(OURS, NODES, ())
    other.remove_late()
    assert files(opts) == kept


def test_a_full_disk_stops_no_command(
    opts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(OURS)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", refuse)
    cache(opts).remove(OURS, NODES, ())
    assert files(opts) == []
