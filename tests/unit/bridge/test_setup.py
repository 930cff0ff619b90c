"""What ``mip.setup`` does to a pusher, judged by the configuration that Salt then has."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import salt.config
import yaml
from msgspec import to_builtins

from saltext_mip import federation
from saltext_mip.bridge import sls
from saltext_mip.bridge.setup import pusher as setup
from saltext_mip.bridge.setup.pusher import MARK
from saltext_mip.errors import Refused
from tests.support.other_user import NOBODY, as_nobody

REACTION = "# on: salt/minion/*/start\n# on: salt/beacon/*/mip_data/*\nlook: {}\n"


class Pusher(SimpleNamespace):
    """A master's configuration in a folder of its own."""

    folder: Path

    @property
    def opts(self) -> dict[str, Any]:
        return salt.config.master_config(str(self.folder / "master"), exit_on_config_errors=True)

    @property
    def drop_in(self) -> Path:
        return self.folder / "master.d" / "mip.conf"

    def write(self, name: str, **keys: Any) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        defaults = {"id": "fed_master", "pillar_roots": {"base": [str(self.folder / "pillar")]}}
        path.write_text(yaml.safe_dump({**(defaults if name == "master" else {}), **keys}))

    def plan(self, *federations: str) -> tuple[setup.SetupItem, ...]:
        return setup.plan(setup.inspect_master(self.opts, federations))

    def drop_in_keys(self) -> set[str]:
        return set(yaml.safe_load(self.drop_in.read_text()))

    def run(self, *federations: str) -> dict[str, Any]:
        items = self.plan(*federations)
        return to_builtins(setup.result(items, setup.apply(items, self.folder / "staging")))

    def files(self) -> dict[str, tuple[bytes, int]]:
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in found}


@pytest.fixture
def pusher(tmp_path: Path) -> Pusher:
    made = Pusher(folder=tmp_path)
    made.write("master")
    return made


@pytest.fixture
def reactors(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a reactor."""
    root = tmp_path_factory.mktemp("sls")
    (root / "pillar").symlink_to(sls.root() / "pillar")
    (root / "reactor").mkdir()
    (root / "reactor" / "look.sls").write_text(REACTION)
    monkeypatch.setattr(sls, "root", lambda: root)


@pytest.mark.parametrize(
    ("setting", "recommended"), [({}, False), ({"sign_pub_messages": False}, True)]
)
def test_signed_publications_are_recommended_where_they_are_off(
    pusher: Pusher, setting: dict[str, Any], recommended: bool
) -> None:
    pusher.write("master", **setting)
    todo = [item for item in pusher.plan("fed1") if "sign_pub_messages: True" in item.thing]
    assert bool(todo) is recommended
    assert all(str(pusher.folder / "master") in item.thing for item in todo)


def test_a_fresh_pusher_gets_a_drop_in_that_salt_reads(pusher: Pusher) -> None:
    result = pusher.run()
    assert result["changed"] is True
    assert str(pusher.drop_in) in result["wrote"]
    assert pusher.opts["fileserver_backend"] == ["roots", "mip"]
    assert any("restart the master" in todo for todo in result["todo"])


def test_again_it_changes_nothing(pusher: Pusher) -> None:
    pusher.run()
    before = pusher.files()
    result = pusher.run("fed1")
    assert (result["changed"], result["wrote"]) == (False, [])
    assert pusher.files() == before


def test_a_plan_writes_nothing(pusher: Pusher) -> None:
    before = pusher.files()
    assert {item.action for item in pusher.plan()} == {"write", "todo"}
    assert pusher.files() == before


def test_reactors_of_the_package_are_mapped_by_the_tags_that_they_name(
    pusher: Pusher, reactors: None
) -> None:
    pusher.run()
    assert pusher.opts["reactor"] == [
        {"salt/beacon/*/mip_data/*": ["salt://mip/reactor/look.sls"]},
        {"salt/minion/*/start": ["salt://mip/reactor/look.sls"]},
    ]


def test_what_the_main_file_has_is_not_switched_off(pusher: Pusher, reactors: None) -> None:
    theirs = [{"salt/key": ["/srv/reactor/key.sls"]}]
    pusher.write("master", reactor=theirs, fileserver_backend=["roots", "gitfs"])
    result = pusher.run()
    assert pusher.opts["reactor"] == theirs
    assert pusher.opts["fileserver_backend"] == ["roots", "gitfs"]
    assert pusher.drop_in_keys() == {"engines", "ext_pillar"}
    todo = "\n".join(result["todo"])
    assert f"add to 'fileserver_backend' in {pusher.folder / 'master'}:\n- mip\n" in todo
    assert "- salt/minion/*/start:\n  - salt://mip/reactor/look.sls\n" in todo


def test_what_the_todo_says_is_enough(pusher: Pusher, reactors: None) -> None:
    theirs = [{"salt/key": ["/srv/reactor/key.sls"]}]
    pusher.write("master", reactor=theirs, fileserver_backend=["roots"])
    added: list[Any] = []
    for item in pusher.plan("mine"):
        if item.thing.startswith("add to"):
            added.append(yaml.safe_load(item.thing.partition("\n")[2]))
    backends, reactions = added
    pusher.write("master", reactor=theirs + reactions, fileserver_backend=["roots", *backends])
    assert [item for item in pusher.plan("mine") if "add to" in item.thing] == []


def test_what_another_drop_in_has_is_added_to(pusher: Pusher, reactors: None) -> None:
    theirs = [{"salt/key": ["/srv/reactor/key.sls"]}]
    pusher.write("master.d/zz.conf", reactor=theirs, fileserver_backend=["gitfs"])
    pusher.run()
    assert sorted(pusher.opts["fileserver_backend"]) == ["gitfs", "mip"]
    assert theirs[0] in pusher.opts["reactor"]
    assert {"salt/minion/*/start": ["salt://mip/reactor/look.sls"]} in pusher.opts["reactor"]


def test_a_reactor_map_in_a_file_is_left_to_its_owner(pusher: Pusher, reactors: None) -> None:
    opts = pusher.opts
    pusher.write("master.d/events.conf", reactor="/etc/salt/reactor.yaml")
    items = setup.plan(setup.inspect_master(opts))
    setup.apply(items, pusher.folder / "staging")
    assert pusher.drop_in_keys() == {"fileserver_backend", "engines", "ext_pillar"}
    assert any(item.thing.startswith("add to /etc/salt/reactor.yaml") for item in items)


def test_what_an_included_file_has_is_left_to_its_owner(pusher: Pusher) -> None:
    pusher.write("site/own.conf", fileserver_backend=["roots", "gitfs"])
    pusher.write("master", include=["site/*.conf"])
    result = pusher.run()
    assert pusher.opts["fileserver_backend"] == ["roots", "gitfs"]
    assert any(todo.startswith("add to 'fileserver_backend'") for todo in result["todo"])


def test_a_file_of_that_name_that_is_not_ours_stays(pusher: Pusher) -> None:
    pusher.write("master.d/mip.conf", worker_threads=7)
    before = pusher.drop_in.read_bytes()
    result = pusher.run()
    assert pusher.drop_in.read_bytes() == before
    assert any(todo.startswith(f"move {pusher.drop_in}") for todo in result["todo"])


def test_a_drop_in_of_an_older_version_is_written_anew(pusher: Pusher) -> None:
    pusher.drop_in.parent.mkdir()
    pusher.drop_in.write_text(f"{MARK}reactor: [old]\n")
    assert str(pusher.drop_in) in pusher.run()["wrote"]
    assert "old" not in pusher.opts.get("reactor", [])


def test_without_a_folder_for_drop_ins_it_says_what_to_include(pusher: Pusher) -> None:
    pusher.write("master", default_include="conf/*.yaml")
    result = pusher.run()
    assert any("include a file with:\nfileserver_backend:" in todo for todo in result["todo"])
    assert pusher.opts["fileserver_backend"] == ["roots"]


def test_the_example_pillar_declares_a_federation_for_this_pusher(pusher: Pusher) -> None:
    pusher.run()
    from salt.pillar import Pillar

    opts = {**pusher.opts, "pillar_safe_render_error": False, "cachedir": str(pusher.folder)}
    own = Pillar(opts, {}, "fed_master", "base").compile_pillar()
    node = Pillar(opts, {}, "fed1-wk-chuv", "base").compile_pillar()
    declared = federation.federations(own)
    assert list(declared) == ["fed1"]
    assert [node.short for node in declared["fed1"].nodes] == ["ms", "ui", "wk1", "wk2"]
    assert federation.federations(node) == declared


def test_the_secrets_of_the_example_are_for_the_master_alone(pusher: Pusher) -> None:
    pusher.run()
    secrets = pusher.folder / "pillar" / "mip" / "fed1-secrets.sls"
    assert secrets.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_master_that_is_not_root_can_read_the_secrets(pusher: Pusher) -> None:
    opts = {**pusher.opts, "user": "nobody"}
    setup.apply(setup.plan(setup.inspect_master(opts)), pusher.folder / "staging")
    secrets = pusher.folder / "pillar" / "mip" / "fed1-secrets.sls"
    assert secrets.stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert pusher.drop_in.stat().st_uid == 0


def test_what_cannot_be_written_is_named(pusher: Pusher) -> None:
    pusher.drop_in.parent.write_text("a file where a folder should be")
    with pytest.raises(Refused, match=r"mip\.conf cannot be written: (File exists|Not a dir)"):
        pusher.run()


def test_the_defaults_that_the_example_shows_are_the_defaults() -> None:
    text = (sls.root() / "pillar" / "mip" / "fed1.sls").read_text()
    commented = text[text.index("      # data_path:") :].replace("\n      # ", "\n")[8:]
    assert yaml.safe_load(commented) == {
        "data_path": "/data/fed1",
        **{key: value for key, value in federation.DEFAULTS.items() if key != "images"},
    }


def test_an_example_that_nobody_changed_is_to_be_changed(pusher: Pusher) -> None:
    pusher.run()
    fed1 = pusher.folder / "pillar" / "mip" / "fed1.sls"
    assert any(str(fed1) in todo for todo in pusher.run("fed1")["todo"])
    fed1.write_text(fed1.read_text().replace("10.77.0.21", "192.0.2.21"))
    assert pusher.run("fed1")["todo"] == []


def test_an_operators_own_pillar_stays(pusher: Pusher) -> None:
    pusher.write("pillar/top.sls", base={"*": ["ours"]})
    before = pusher.files()
    result = pusher.run()
    assert {path: seen for path, seen in pusher.files().items() if path in before} == before
    assert result["wrote"] == [str(pusher.drop_in)]
    assert any("declares no federation" in todo for todo in result["todo"])


@pytest.mark.parametrize(
    ("setting", "value", "todo"),
    [("job_cache", False, "set job_cache: True"), ("ext_job_cache", "x", "remove ext_job_cache")],
)
def test_a_setting_that_is_in_the_way_is_left_to_the_operator(
    pusher: Pusher, setting: str, value: object, todo: str
) -> None:
    pusher.write("master", **{setting: value})
    assert any(each.startswith(todo) for each in pusher.run()["todo"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_what_the_masters_user_may_not_write_is_left_for_root_with_the_commands(
    pusher: Pusher, tmp_path: Path
) -> None:
    pusher.drop_in.parent.mkdir()
    (tmp_path / "staging").mkdir()
    os.chown(tmp_path / "staging", NOBODY, NOBODY)
    items = pusher.plan()
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    result = as_nobody(
        lambda: to_builtins(setup.result(items, setup.apply(items, tmp_path / "staging")))
    )
    assert (result["changed"], result["wrote"], result["retcode"]) == (False, [], 1)
    commands = [each.partition("\n")[0] for each in result["todo"] if "as root" in each]
    assert len(commands) == sum(item.action == "write" for item in items)
    for command in commands:
        subprocess.run(command.removeprefix("as root: ").split(), check=True)
    assert pusher.drop_in.stat().st_uid == 0
    again = pusher.run()
    assert (again["wrote"], "retcode" in again) == ([], False)


def test_the_settings_for_minions_are_offered_and_are_no_step_that_is_left(pusher: Pusher) -> None:
    result = pusher.run()
    (offer,) = result["offers"]
    assert offer.startswith("salt '*' state.apply mip.connection\n")
    assert not any("mip.connection" in step for step in result["todo"])


def test_the_engine_of_the_page_is_there_where_a_page_is_declared(pusher: Pusher) -> None:
    items = setup.plan(setup.inspect_master(pusher.opts, ("fed1",), has_page=True))
    setup.apply(items, pusher.folder / "staging")
    assert pusher.opts["engines"] == [{"mip": {}}, {"mip_page": {}}]
    pusher.run("fed1")
    assert pusher.opts["engines"] == [{"mip": {}}]
