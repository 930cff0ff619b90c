"""Settings of a Salt master that are in the way, each with what to do about it."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import salt.pillar
from salt.modules import saltutil

from saltext_mip.bridge.master import has_controller, master_problems, state_problems
from saltext_mip.bridge.pillar import compile_pillar
from saltext_mip.bridge.setup import pusher as setup
from saltext_mip.storage import lock
from tests.support.mounts import broken_disk
from tests.support.other_user import as_nobody

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


@pytest.fixture
def opts(tmp_path: Path) -> dict[str, Any]:
    """Of a master with a federation's state and a pillar, all readable by every user."""
    for folder in (tmp_path, *tmp_path.parents):
        if os.access(folder, os.W_OK) and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "pillar").mkdir()
    (tmp_path / "pillar" / "fed1.sls").write_text("{}")
    state = tmp_path / "var/lib/mip/fed1"
    state.mkdir(parents=True)
    (state / "declared.json").write_text("{}")
    return {
        "conf_file": "/etc/salt/master",
        "root_dir": str(tmp_path),
        "user": "root",
        "job_cache": True,
        "ext_job_cache": "",
        "pillar_roots": {"base": [str(tmp_path / "pillar")]},
        "engines": [],
    }


def names(found: Any) -> list[str]:
    return [each.name for each in found]


def test_the_defaults_are_no_problem(opts: dict[str, Any]) -> None:
    assert master_problems(opts) == ()
    assert state_problems(opts) == ()


@pytest.mark.parametrize(
    ("setting", "value", "name"),
    [
        ("job_cache", False, "JobCacheOff"),
        ("ext_job_cache", "redis", "JobCacheElsewhere"),
    ],
)
def test_what_takes_answers_away_is_named_with_its_setting(
    opts: dict[str, Any], setting: str, value: object, name: str
) -> None:
    (problem,) = master_problems({**opts, setting: value})
    assert problem.name == name
    assert setting in problem.message
    assert setting in problem.fix
    assert "/etc/salt/master" in problem.fix


@as_root
def test_a_pillar_file_that_the_masters_user_cannot_read_is_named(opts: dict[str, Any]) -> None:
    secrets = Path(opts["root_dir"]) / "pillar" / "fed1-secrets.sls"
    secrets.write_text("{}")
    secrets.chmod(0o600)
    salted = {**opts, "user": "nobody", "root_dir": "/nonexistent"}
    found = as_nobody(lambda: [(p.name, p.fix, p.message) for p in master_problems(salted)])
    assert [name for name, _, _ in found] == ["PillarUnreadable"]
    assert found[0][1] == f"chown nobody {secrets}"
    assert "nobody" in found[0][2]
    assert names(master_problems(opts)) == []


@as_root
def test_setup_has_the_way_out_of_a_pillar_that_it_cannot_read(opts: dict[str, Any]) -> None:
    """What the pillar declares is not known then, and nothing is said about it."""
    secrets = Path(opts["root_dir"]) / "pillar" / "mip" / "fed1-secrets.sls"
    secrets.parent.mkdir()
    secrets.write_text("{}")
    secrets.chmod(0o600)
    salted = {**opts, "id": "pusher", "user": "nobody", "root_dir": "/nonexistent"}
    plan = as_nobody(
        lambda: [
            f"{item.action} {item.thing}"
            for item in setup.plan(setup.inspect_master(salted, None))
            if item.path is None
        ]
    )
    assert f"todo chown nobody {secrets}" in plan
    assert not [each for each in plan if "declare" in each]


@as_root
def test_state_of_another_user_is_named_with_its_folder(opts: dict[str, Any]) -> None:
    state = Path(opts["root_dir"]) / "var/lib/mip"
    (state / "fed1").chmod(0o700)
    salted = {**opts, "user": "nobody"}
    found = as_nobody(lambda: [(p.name, p.fix, p.message) for p in master_problems(salted)])
    assert [name for name, _, _ in found] == ["StateOfAnotherUser"]
    assert found[0][1] == f"chown -R nobody: {state}"
    assert found[0][2].startswith(f"{state} is owned by root")
    assert "nobody" in found[0][2]


@as_root
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_state_folder_that_cannot_be_written_is_named(opts: dict[str, Any], fault: str) -> None:
    state = Path(opts["root_dir"]) / "var/lib/mip"
    with broken_disk(state, fault):
        (problem,) = state_problems(opts)
    assert problem.name == "StateNotWritable"
    assert str(state) in problem.message
    assert str(state) in problem.fix


@as_root
def test_a_master_of_its_own_user_gets_its_state_folder_by_the_command_that_is_printed(
    opts: dict[str, Any],
) -> None:
    """As after a fresh installation of Salt's packages: nothing of ours is there."""
    state = Path(opts["root_dir"]) / "var/lib/mip"
    shutil.rmtree(state)
    salted = {**opts, "user": "nobody"}
    ((name, fix),) = as_nobody(lambda: [(p.name, p.fix) for p in state_problems(salted)])
    assert (name, fix) == (
        "StateNotWritable",
        f"as root: install -d -m 0700 -o nobody {state}",
    )
    subprocess.run(fix.removeprefix("as root: ").split(), check=True)
    assert (
        as_nobody(lambda: [p.name for p in (*state_problems(salted), *master_problems(salted))])
        == []
    )


def test_the_pillar_is_fetched_past_the_masters_cache(
    opts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pillar_cache`` hands out an old one, to whoever does not ask for another."""
    asked: list[dict[str, Any]] = []

    class Compiler:
        def compile_pillar(self) -> dict[str, Any]:
            return {"mip": {}}

    def get_pillar(*_: Any, **more: Any) -> Compiler:
        asked.append(more)
        return Compiler()

    monkeypatch.setattr(salt.pillar, "get_pillar", get_pillar)
    assert compile_pillar({**opts, "id": "fed1-ms"}, {}) == {"mip": {}}
    assert asked == [{"clean_cache": True}]
    # a node's copy in memory is refreshed by Salt's own function, which asks so by itself
    refreshes = inspect.signature(saltutil.refresh_pillar).parameters
    assert refreshes["clean_cache"].default is True


@pytest.fixture
def held(opts: dict[str, Any]) -> Iterator[None]:
    """A controller's lock."""
    fd = lock.hold(Path(opts["root_dir"]) / "var/lib/mip/fed1/controller.lock")
    assert fd is not None
    yield
    lock.release(fd)


def test_a_controller_that_is_configured_and_does_not_run_is_a_problem(
    opts: dict[str, Any],
) -> None:
    assert not has_controller(opts)
    with_engine = {**opts, "engines": [{"mip": {}}]}
    assert has_controller(with_engine)
    (problem,) = state_problems(with_engine)
    assert (problem.name, problem.fix) == ("ControllerDown", "systemctl restart salt-master")
    assert "fed1" in problem.message


@pytest.mark.usefixtures("held")
def test_a_controller_that_runs_is_none(opts: dict[str, Any]) -> None:
    assert state_problems({**opts, "engines": [{"mip": {}}]}) == ()


def test_a_process_that_was_forked_does_not_hold_its_parents_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    fd = lock.hold(path)
    assert fd is not None
    assert lock.is_locked(path)
    begin, end = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        lock.release_in_fork()
        os.write(begin[1], b"x")
        os.read(end[0], 1)
        os._exit(0)
    os.read(begin[0], 1)
    lock.release(fd)
    assert not lock.is_locked(path), "its parent ended"
    os.write(end[1], b"x")
    os.waitpid(child, 0)
    for each in (*begin, *end):
        os.close(each)
