"""A fresh pusher, put to work by ``mip.setup``: its minions get states out of the package."""

from __future__ import annotations

from pathlib import Path

from saltext_mip import results, schemas
from saltext_mip.bridge import sls
from tests.support.local import PUSHER, LocalFederation

ALONE = True
WORKERS = 1


def drop_in(fed: LocalFederation) -> Path:
    return fed.hosts[PUSHER].config / "master.d" / "mip.conf"


def test_a_dry_run_writes_nothing(fed: LocalFederation) -> None:
    ran = fed.salt_run("mip.setup", "dry_run=True", check=True)
    assert schemas.first_error(results.schema("setup"), ran.json) is None
    assert [item["action"] for item in ran.json["plan"]] == ["write", "todo", "nothing"]
    assert not drop_in(fed).exists()


def test_minions_get_states_from_the_package_once_the_master_was_restarted(
    fed: LocalFederation, tmp_path: Path
) -> None:
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
    assert ran.stdout == "No change.\n"
    assert drop_in(fed).stat().st_mtime_ns == before


def test_a_minion_gets_nothing_else_of_the_package(fed: LocalFederation, tmp_path: Path) -> None:
    for path in ("mip/../pillar/top.sls", "pillar/top.sls", "mip/reactor/../../pillar/top.sls"):
        fetched = tmp_path / "fetched"
        fed.salt_call("fed1-wk-h1", "cp.get_file", f"salt://{path}", str(fetched))
        assert not fetched.exists()
    fed.salt_call("fed1-wk-h1", "cp.get_file", "salt://mip/compiled.sls", str(fetched))
    assert fetched.exists()
