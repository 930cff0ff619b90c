"""Requests are one file of a kind; what comes from the bus makes no other."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from saltext_mip.controller.requests import (
    LOOK,
    OWED,
    REFRESH,
    ROLES,
    Declared,
    Requests,
    addressed,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, ids in {"fed1": ["fed1-ms", "fed1-wk-h1"], "fed2": ["fed2-ms"]}.items():
        Declared(frozenset(ids), 30.0, 900.0, name == "fed1").save(tmp_path / name)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "declared.json").write_text("{")
    return tmp_path


def test_many_requests_are_one_until_it_is_taken(tmp_path: Path) -> None:
    requests = Requests(tmp_path / "fed1")
    left = []

    def leave() -> None:
        left.extend(requests.leave(LOOK) for _ in range(500))

    threads = [Thread(target=leave) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(left) == 1
    assert requests.there() == {LOOK}
    requests.take([LOOK, REFRESH])
    assert requests.there() == frozenset()
    assert requests.leave(LOOK)


def test_requests_of_other_kinds_stand_beside_it(tmp_path: Path) -> None:
    requests = Requests(tmp_path / "fed1")
    for name in (LOOK, ROLES, OWED):
        requests.leave(name)
    requests.take([LOOK])
    assert requests.there() == {ROLES, OWED}


def test_files_of_other_names_ask_for_nothing(tmp_path: Path) -> None:
    requests = Requests(tmp_path / "fed1")
    requests.leave(LOOK)
    (tmp_path / "fed1/requests/rm -rf").touch()
    assert requests.there() == {LOOK}


@pytest.mark.parametrize(
    ("tag", "asked"),
    [
        ("salt/beacon/fed1-wk-h1/mip_data/fed1", {("fed1", LOOK)}),
        ("salt/beacon/fed1-ms/mip_services/fed1", {("fed1", LOOK)}),
        ("salt/minion/fed1-ms/start", {("fed1", LOOK)}),
        ("salt/minion/fed2-ms/start", {("fed2", LOOK)}),
        ("mip/fed1/consolidated", {("fed1", ROLES)}),
    ],
)
def test_a_tag_asks_for_what_it_is_about(root: Path, tag: str, asked: set[tuple[str, str]]) -> None:
    assert {(state.name, request) for state, request in addressed(tag, root)} == asked


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "/",
        "salt/beacon/nobody/mip_data/fed1",
        "salt/beacon/fed2-ms/mip_data/fed1",
        "salt/beacon/fed1-ms/mip_data/fed3",
        "salt/beacon/fed1-ms/mip_data/..",
        "salt/beacon/fed1-ms/mip_data/../fed1",
        "salt/beacon/fed1-ms/mip_data/fed1/more",
        "salt/beacon/fed1-ms/inotify/fed1",
        "salt/beacon/fed1-ms/mip_data/foreign",
        "salt/beacon/fed1-ms/mip_data/broken",
        "salt/beacon/../mip_data/",
        "salt/minion/nobody/start",
        "salt/minion/fed1-ms/start/again",
        "salt/job/20260312/ret/fed1-ms",
        "mip/fed1/refreshed",
        "mip/fed1/compiled",
        "mip//consolidated",
        "mip/fed3/consolidated",
        "mip/fed2/consolidated",
        "mip/fed1/consolidated\n",
        "mip/fed1\x00/consolidated",
        "mip/" + "a" * 100_000 + "/consolidated",
    ],
)
def test_any_other_tag_asks_for_nothing_and_leaves_nothing(root: Path, tag: str) -> None:
    before = sorted(root.rglob("*"))
    assert list(addressed(tag, root)) == []
    assert sorted(root.rglob("*")) == before


def test_what_is_declared_is_written_once(tmp_path: Path) -> None:
    declared = Declared(frozenset({"b", "a"}), 2.0, 60.0, True)
    declared.save(tmp_path)
    stamp = (tmp_path / "declared.json").stat()
    declared.save(tmp_path)
    assert (tmp_path / "declared.json").stat().st_ino == stamp.st_ino
    assert Declared.load(tmp_path) == declared
