"""The requirements of a pusher: each met, and each not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from saltext_mip.console.cli import doctor
from saltext_mip.console.cli.commands import pusher
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.results import Requirement
from tests.support.returns import example
from tests.unit.console.cli.scripted import Scripted, context

SETUP: dict[str, Any] = {"changed": False, "wrote": [], "todo": [], "plan": []}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "master").touch()
    return tmp_path


def found(config: Path, setup: Any) -> dict[str, Requirement]:
    here = replace(context(Scripted(setup), ("check-required",)), config=str(config))
    return {each.thing: each for each in doctor.requirements(here)}


@pytest.mark.parametrize(
    ("version", "ok"),
    [("3008.2", True), ("3009.0", True), ("3008.1", False), ("3007.9", False)],
)
def test_salt_must_be_new_enough(version: str, ok: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: version)
    (salt,) = [each for each in doctor.programs() if each.thing == "Salt"]
    assert (salt.ok, salt.found, salt.hint is UNSET) == (ok, version, ok)


def test_salt_that_is_not_installed_is_not_new_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", missing)
    (salt,) = [each for each in doctor.programs() if each.thing == "Salt"]
    assert (salt.ok, salt.found) == (False, "not installed")


def test_a_program_that_is_not_in_the_path_has_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None if name == "tmux" else "/bin/x")
    programs = {each.thing: each for each in doctor.programs()}
    assert (programs["tmux"].ok, programs["tmux"].found) == (False, "not found")
    assert programs["tmux"].hint == "Install tmux, for the session."
    assert (programs["ssh"].ok, programs["ssh"].found) == (True, "/bin/x")


def test_a_configured_pusher_has_nothing_left_to_do(config: Path) -> None:
    of = found(config, SETUP)
    assert of["Salt master"].ok
    assert of["configuration"] == Requirement(
        thing="configuration", ok=True, found="as mip setup makes it"
    )


def test_a_machine_without_a_master_is_no_pusher(tmp_path: Path) -> None:
    master = found(tmp_path, SETUP)["Salt master"]
    assert (master.ok, master.found) == (False, f"{tmp_path / 'master'} not found")


def test_what_setup_leaves_to_the_operator_is_named_with_its_reason(config: Path) -> None:
    configuration = found(config, example("setup")[1])["configuration"]
    assert not configuration.ok
    assert configuration.found == (
        "add to 'reactor' in /etc/salt/master: (lets events wake the controller; written by setup, "
        "it would switch off what is there); restart the master: systemctl restart salt-master "
        "(it reads /etc/salt/master.d/mip.conf then)"
    )


@pytest.mark.parametrize(("action", "ok"), [("write", False), ("nothing", True)])
def test_what_setup_would_write_is_not_configured_yet(action: str, ok: bool, config: Path) -> None:
    plan = [{"action": action, "thing": "/etc/salt/master.d/mip.conf", "reason": "it is missing"}]
    assert found(config, {**SETUP, "plan": plan})["configuration"].ok is ok


def test_a_pillar_that_cannot_be_read_is_shown_with_its_error(config: Path) -> None:
    pillar = found(config, CommandResult(1, error="Pillar, key nodes: empty"))["pillar"]
    assert (pillar.ok, pillar.found) == (False, "Pillar, key nodes: empty")


def test_the_action_is_0_where_all_requirements_are_met(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "programs", list)
    here = context(Scripted(example("setup-again")[1]), ("check-required",))
    assert pusher.check_required(replace(here, config=str(config)), {}) == 0


def test_the_action_is_1_where_one_is_not_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "programs", list)
    here = context(Scripted(SETUP), ("check-required",), json=True)
    assert pusher.check_required(replace(here, config=str(tmp_path)), {}) == 1
    needs = json.loads(capsys.readouterr().out)["needs"]
    assert [(each["thing"], each["ok"]) for each in needs] == [
        ("Salt master", False),
        ("configuration", True),
    ]


def test_versions_are_of_what_runs_here(capsys: pytest.CaptureFixture[str]) -> None:
    versions = doctor._versions_here()
    assert versions.python == doctor.platform.python_version()
    assert versions.polars == doctor.importlib.metadata.version("polars")
    on_node = replace(context(Scripted(), ("version", "list")), pusher=False)
    assert pusher.versions(on_node, {}) == 0
    assert f"saltext-mip      {versions.saltext_mip}" in capsys.readouterr().out


def test_a_pusher_compares_with_its_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    nodes = {
        "federation": "fed1",
        "nodes": {},
        "versions": {"fed1-ms": "0.0.1"},
        "notes": ["fed1-ms: saltext-mip 0.0.1, and the pusher has another"],
    }
    assert pusher.versions(context(Scripted(nodes), ("version", "list")), {}) == 0
    out = capsys.readouterr().out
    assert "fed1-ms  0.0.1" in out
    assert "and the pusher has another" in out
    failed = CommandResult(1, error="no federation")
    assert pusher.versions(context(Scripted(failed), ("version", "list")), {}) == 0
    assert "The nodes were not asked: no federation" in capsys.readouterr().out


def test_two_versions_in_one_installation_are_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor.saltext_mip, "__version__", "0.0.1")
    (note,) = doctor._mixed_installation()
    assert "salt-pip install --upgrade" in note
    assert "0.0.1" in note


def test_a_program_without_a_version_is_not_installed() -> None:
    assert doctor._first_line("/nonexistent/tmux", "-V") == "not installed"
