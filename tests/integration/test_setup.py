"""A fresh pusher, put to work by ``mip.setup``: its minions get states out of the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import salt.client
import salt.config
import salt.runner
import yaml
from salt.exceptions import AuthorizationError, EauthAuthenticationError

import saltext_mip
from saltext_mip import results, schemas
from saltext_mip.bridge import sls
from tests.support.local import PUSHER, LocalFederation

ALONE = True
WORKERS = 1


def drop_in(fed: LocalFederation) -> Path:
    return fed.hosts[PUSHER].config / "master.d" / "mip.conf"


PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
SECRET = "a secret of the tests"
NODE = "fed1-wk-h1"


def give_access(fed: LocalFederation) -> None:
    """What the manual has for ``external_auth``, for accounts without groups of the machine."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (groups,) = (
        of["external_auth"]["pam"]
        for of in map(yaml.safe_load, blocks)
        if len(of) == 1 and "external_auth" in of
    )
    people = {name.removeprefix("mip-").removesuffix("s%"): may for name, may in groups.items()}
    settings = {"external_auth": {"sharedsecret": people}, "sharedsecret": SECRET}
    folder = drop_in(fed).parent
    folder.mkdir(exist_ok=True)
    (folder / "access.conf").write_text(yaml.safe_dump(settings))


def test_a_dry_run_writes_nothing(fed: LocalFederation) -> None:
    ran = fed.salt_run("mip.setup", "dry_run=True", check=True)
    assert schemas.first_error(results.schema("setup"), ran.json) is None
    assert [item["action"] for item in ran.json["plan"]] == ["write", "todo", "nothing"]
    assert not drop_in(fed).exists()


def test_minions_get_states_from_the_package_once_the_master_was_restarted(
    fed: LocalFederation, tmp_path: Path
) -> None:
    give_access(fed)
    ran = fed.salt_run("mip.setup", check=True)
    assert ran.json["wrote"] == [str(drop_in(fed))]
    assert [todo.partition("\n")[0] for todo in ran.json["todo"]] == [
        "restart the master: systemctl restart salt-master"
    ]
    fed.restart(PUSHER)
    fetched = tmp_path / "fetched.sls"
    fed.salt_call("fed1-wk-h1", "cp.get_file", "salt://mip/compiled.sls", str(fetched))
    assert fetched.read_bytes() == (sls.root() / "states/mip/compiled.sls").read_bytes()


def test_again_it_says_that_nothing_changed(fed: LocalFederation) -> None:
    before = drop_in(fed).stat().st_mtime_ns
    ran = fed.salt_run("mip.setup", out_json=False, check=True)
    done, _, offered = ran.stdout.partition("\n\n")
    assert done in ("✔ No change.", "* No change.")
    assert offered.startswith("Optional:\n  - salt '*' state.apply mip.connection\n"), offered
    assert drop_in(fed).stat().st_mtime_ns == before


def test_a_minion_gets_nothing_else_of_the_package(fed: LocalFederation, tmp_path: Path) -> None:
    for path in ("mip/../pillar/top.sls", "pillar/top.sls", "mip/reactor/../../pillar/top.sls"):
        fetched = tmp_path / "fetched"
        fed.salt_call("fed1-wk-h1", "cp.get_file", f"salt://{path}", str(fetched))
        assert not fetched.exists()
    fed.salt_call("fed1-wk-h1", "cp.get_file", "salt://mip/compiled.sls", str(fetched))
    assert fetched.exists()


class Someone:
    """A person with one of the manual's roles, as salt-api would ask for them."""

    def __init__(self, fed: LocalFederation, role: str) -> None:
        self._config = str(fed.hosts[PUSHER].config / "master")
        self._login = {"username": role, "password": SECRET, "eauth": "sharedsecret"}

    def on_node(self, function: str, *args: str) -> Any:
        client = salt.client.LocalClient(self._config)
        try:
            return client.cmd([NODE], function, args, tgt_type="list", timeout=60, **self._login)
        finally:
            client.destroy()

    def on_pusher(self, function: str, **arguments: Any) -> Any:
        client = salt.runner.RunnerClient(salt.config.client_config(self._config))
        try:
            return client.cmd_sync({"fun": function, "kwarg": arguments, **self._login}, 60)
        finally:
            client.destroy()


def test_people_with_fewer_rights_may_do_what_the_manual_says_and_nothing_else(
    fed: LocalFederation,
) -> None:
    viewer, operator = Someone(fed, "viewer"), Someone(fed, "operator")
    for person in (viewer, operator):
        assert person.on_node("mip.version") == {NODE: saltext_mip.__version__}
        found = person.on_pusher("mip.nodes", federation="fed1")
        assert NODE in found["data"]["nodes"]
        for function in ("federation_node.stage", "state.apply", "cmd.run", "mip.fix"):
            with pytest.raises(AuthorizationError):
                person.on_node(function, "fed1")
        for function in ("mip.deploy", "mip.setup", "salt.cmd"):
            with pytest.raises(EauthAuthenticationError):
                person.on_pusher(function)
    with pytest.raises(AuthorizationError):
        viewer.on_node("mip.compile")
    with pytest.raises(EauthAuthenticationError):
        viewer.on_pusher("mip.suspend", federation="fed1")
    assert operator.on_pusher("mip.suspend", federation="fed1")["data"]["changed"]
    assert operator.on_pusher("mip.resume", federation="fed1")["data"]["changed"]
    stranger = Someone(fed, "stranger")
    with pytest.raises((AuthorizationError, EauthAuthenticationError)):
        stranger.on_pusher("mip.nodes", federation="fed1")
