"""The package's states as Salt renders them for a node, by its role."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import salt.config
import yaml
from saltfactories.utils.functional import Loaders

from saltext_mip.bridge import sls

NODES = {"a-ms": {"role": "master"}, "a-wk": {"role": "worker"}, "a-ui": {"role": "ui"}}
PILLAR = {"mip": {"federations": {"fed1": {"nodes": NODES}, "fed-2": {"nodes": NODES}}}}
Show = Callable[[str], dict[str, Any]]


@pytest.fixture
def show(tmp_path: Path, request: pytest.FixtureRequest) -> Show:
    """``state.show_sls`` on the node of that id, without a master."""
    opts = {
        **salt.config.minion_config(None),
        "id": request.param,
        "conf_file": str(tmp_path / "minion"),
        "root_dir": str(tmp_path),
        "cachedir": str(tmp_path / "cache"),
        "pki_dir": str(tmp_path / "pki"),
        "file_client": "local",
        "use_master_when_local": False,
        "master_type": "disable",
        "file_roots": {"base": [str(sls.root() / "states")]},
        "pillar_roots": {"base": []},
        "pillar": PILLAR,
        "skip_grains": True,
    }
    loaders = Loaders(opts)
    loaders.opts["grains"] = {"id": request.param}

    def shown(name: str) -> dict[str, Any]:
        found = loaders.modules["state.show_sls"](name, pillar=PILLAR)
        assert isinstance(found, dict), found
        return found

    return shown


def functions(found: dict[str, Any], federation: str) -> list[str]:
    """The functions of the state module ``mip`` for that federation, in their order."""
    order = {}
    for state in found.values():
        items = state.get("mip", ())
        if {"federation": federation} in items:
            (number,) = (
                each["order"] for each in items if isinstance(each, dict) and "order" in each
            )
            (order[number],) = (each for each in items if isinstance(each, str))
    return [order[number] for number in sorted(order)]


@pytest.mark.parametrize(
    ("show", "name", "expected"),
    [
        ("a-wk", "worker", ["beacons", "requirements", "folders", "swarm_joined"]),
        ("a-ui", "ui", ["requirements", "folders", "swarm_joined"]),
        ("a-ms", "master", ["beacons", "requirements", "folders", "swarm_initialised", "services"]),
    ],
    indirect=["show"],
)
def test_a_node_gets_the_states_of_its_role(show: Show, name: str, expected: list[str]) -> None:
    found = show(f"mip.{name}")
    assert functions(found, "fed1") == functions(found, "fed-2") == expected
    assert functions(show("mip"), "fed1") == expected
    required = [
        each["require"][0]["mip"]
        for state in found.values()
        for each in state.get("mip", ())
        if isinstance(each, dict) and "require" in each and each["require"]
    ]
    chain = ["requirements", "folders", "swarm"][: len(expected) - expected.index("folders")]
    assert sorted(required) == sorted(
        f"mip-{step}-{fed}" for step in chain for fed in ("fed1", "fed-2")
    )


@pytest.mark.parametrize("show", ["a-ms"], indirect=True)
def test_a_node_of_another_role_fails_with_the_reason(show: Show) -> None:
    for role in ("worker", "ui"):
        found = show(f"mip.{role}")
        assert "fail_without_changes" in found[f"mip-no-{role}"]["test"]
        assert not {"requirements", "folders", "swarm_joined"} & set(functions(found, "fed1"))


@pytest.mark.parametrize("show", ["a-wk"], indirect=True)
def test_the_settings_of_a_minions_connection_are_those_that_salt_reads(
    show: Show, tmp_path: Path
) -> None:
    (state,) = show("mip.connection").values()
    facts = {
        key: value
        for each in state["file"]
        if isinstance(each, dict)
        for key, value in each.items()
    }
    path = Path(facts["name"])
    assert path == tmp_path / "minion.d" / "mip.conf"
    assert facts["source"] == "salt://mip/minion.conf"

    ours = (sls.root() / "states" / "mip" / "minion.conf").read_text("utf-8")
    (tmp_path / "minion.d").mkdir()
    (tmp_path / "minion.d" / path.name).write_text(ours)
    (tmp_path / "minion").write_text("id: a-wk\n")
    wanted = yaml.safe_load(ours)
    opts = salt.config.minion_config(str(tmp_path / "minion"))
    assert {key: opts[key] for key in wanted} == wanted
    for key, value in wanted.items():
        kind = salt.config.VALID_OPTS[key]
        assert isinstance(value, kind) or (kind is float and type(value) is int), key
    # a dead connection is given up, and another one tried, within a minute
    dead = (
        wanted["tcp_keepalive_idle"] + wanted["tcp_keepalive_cnt"] * wanted["tcp_keepalive_intvl"]
    )
    assert max(dead, wanted["master_alive_interval"]) <= 60
    assert wanted["recon_max"] <= 10_000
