"""Who may call what: judged by Salt's own code for ``publisher_acl`` and ``external_auth``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.utils.master
import salt.utils.minions
import yaml
from salt.exceptions import CommandExecutionError
from saltfactories.utils.loader import LoaderModuleMock

from saltext_mip import signing, wire
from saltext_mip.modules import federation_node, mip_files, mip_node
from saltext_mip.modules import mip as on_node
from saltext_mip.runners import mip as on_pusher
from saltext_mip.runners import mip_controller, mip_generations, mip_nodes, mip_services
from tests.support.minion_keys import minion_key

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
NODE = "fed1-wk-h1"
FOREIGN_NODE = "fed2-wk-h1"
RUNNERS = (on_pusher, mip_controller, mip_generations, mip_nodes, mip_services)
UPGRADE = "install the same version on the pusher"
ROLES = ("viewer", "operator", "administrator")
# what is root on a node, or on the pusher, for whoever may call it
ROOT_ON_NODES = {"cmd.run", "cp.get_file", "state.apply", "state.single", "saltutil.runner"}
ROOT_ON_PUSHER = {"salt.cmd", "state.orchestrate", "jobs.list_jobs"}


def public(*modules: Any) -> set[str]:
    """The functions of these modules as Salt names them."""
    return {
        f"{module.__virtualname__}.{getattr(module, '__func_alias__', {}).get(name, name)}"
        for module in modules
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and not name.startswith("_")
        and value.__module__ in (module.__name__, "saltext_mip.bridge.runner")
    }


def steps() -> set[str]:
    """The steps through which the pusher writes on nodes."""
    return {
        f"{federation_node.__virtualname__}.{name}"
        for name, value in vars(federation_node).items()
        if callable(value) and "nonce" in inspect.signature(value).parameters
    }


ON_NODES = public(on_node, mip_files)
ON_PUSHER = public(*RUNNERS)


@pytest.fixture(scope="module")
def minions(tmp_path_factory: pytest.TempPathFactory) -> salt.utils.minions.CkMinions:
    """Salt's judge of who may call what, on a master with a key of two federations each."""
    root = tmp_path_factory.mktemp("master")
    config = root / "master"
    config.write_text(yaml.safe_dump({"root_dir": str(root), "pki_dir": "pki", "id": "pusher"}))
    accepted = root / "pki" / "minions"
    accepted.mkdir(parents=True)
    for node in (NODE, FOREIGN_NODE):
        (accepted / node).write_text(minion_key(node).public)
    return salt.utils.minions.CkMinions(salt.config.master_config(str(config)))


def blocks() -> Iterator[Mapping[str, Any]]:
    for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        yield yaml.safe_load(block)


def entries(role: str, key: str, minions: salt.utils.minions.CkMinions) -> list[Any]:
    """What the manual allows that role, as Salt reads it."""
    (found,) = (block[key] for block in blocks() if key in block)
    if key == "publisher_acl":
        allowed: list[Any] = salt.utils.master.get_values_of_matching_keys(found, role)
    else:
        allowed = minions.fill_auth_list(found["pam"], "anna", [f"mip-{role}s"])
    assert allowed
    return allowed


def promised(role: str) -> tuple[set[str], set[str]]:
    """The functions on the pusher and on nodes that the manual's table has for that role."""
    (row,) = re.findall(rf"^\| {role} \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    cells = []
    for cell, every, nth in zip(row, (ON_PUSHER, ON_NODES), (0, 1), strict=True):
        if cell.startswith("all"):
            cells.append(set(every))
            continue
        named = {f"mip.{name}" for name in re.findall(r"`(\w+)`", cell)}
        assert named <= every
        cells.append(named | (promised("viewer")[nth] if cell.startswith("a viewer's") else set()))
    return cells[0], cells[1]


def may_on_nodes(
    minions: salt.utils.minions.CkMinions, allowed: list[Any], function: str, node: str = NODE
) -> bool:
    return bool(minions.auth_check(allowed, function, [], node, "list", minions=[node]))


def may_on_pusher(minions: salt.utils.minions.CkMinions, allowed: list[Any], function: str) -> bool:
    return minions.runner_check(allowed, function, {"arg": [], "kwarg": {}}) is True


def test_there_is_something_to_allow() -> None:
    assert {"mip.check", "mip.datasets", "mip.compile"} <= ON_NODES
    assert {"mip.status", "mip.compile", "mip.export", "mip.deploy"} <= ON_PUSHER
    assert {"federation_node.stage", "federation_node.apply_states"} <= steps()


@pytest.mark.parametrize("key", ["publisher_acl", "external_auth"])
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_call_what_the_manual_says_and_nothing_else(
    role: str, key: str, minions: salt.utils.minions.CkMinions
) -> None:
    allowed = entries(role, key, minions)
    pusher, nodes = promised(role)
    every = ON_NODES | steps() | ROOT_ON_NODES
    expected = every if role == "administrator" else nodes
    assert {each for each in every if may_on_nodes(minions, allowed, each)} == expected
    if key == "external_auth":
        every = ON_PUSHER | ROOT_ON_PUSHER
        expected = every if role == "administrator" else pusher
        assert {each for each in every if may_on_pusher(minions, allowed, each)} == expected


@pytest.mark.parametrize("key", ["publisher_acl", "external_auth"])
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_a_role_of_a_federation_may_call_nothing_on_another(
    role: str, key: str, minions: salt.utils.minions.CkMinions
) -> None:
    allowed = entries(role, key, minions)
    assert may_on_nodes(minions, allowed, "mip.datasets")
    assert not may_on_nodes(minions, allowed, "mip.datasets", FOREIGN_NODE)


@pytest.mark.parametrize(
    "pattern", ["mip", "mip.*", "mip*", r"mip\..*", "mip_.*", "mip[._].*", "mi*", ".*mip", "m.*"]
)
def test_no_entry_for_mip_allows_a_step_of_the_pusher(
    pattern: str, minions: salt.utils.minions.CkMinions
) -> None:
    assert may_on_nodes(minions, ["federation_node.*"], "federation_node.stage")
    assert may_on_nodes(minions, ["mip.*"], "mip.datasets")
    for allowed in ([pattern], [{"*": [pattern]}]):
        assert [each for each in steps() if may_on_nodes(minions, allowed, each)] == []


def test_states_are_applied_that_are_ours_and_no_others() -> None:
    taken = inspect.signature(federation_node.apply_states).parameters
    assert list(taken) == ["federation", "declaration", "test", "nonce"]


NEVER_ANOTHER_NAME = {"federation_node.hold_files"}


def test_what_has_the_steps_former_names_tells_an_earlier_pusher_to_upgrade_and_does_nothing(
    tmp_path: Path,
) -> None:
    (tmp_path / "minion.pem").write_bytes(minion_key(NODE).private)
    opts = {"id": NODE, "pki_dir": str(tmp_path)}
    functions = {name for name, of in vars(mip_node).items() if callable(of) and name[0] != "_"}
    functions -= {"signed", "NodeError"}
    assert {f"federation_node.{name}" for name in functions} == steps() - NEVER_ANOTHER_NAME
    with LoaderModuleMock({mip_node: {"__opts__": opts}}):
        for name in functions:
            refuse = getattr(mip_node, name)
            # before signatures, the pusher sent no nonce
            with pytest.raises(
                CommandExecutionError, match="install the same version on the pusher"
            ):
                refuse("fed1", "digest", "whatever", parts=[])
            page = signing.genuine(
                signing.Question("fed1", f"mip_node.{name}", NODE, "n1"),
                refuse("fed1", "digest", parts=[], nonce="n1"),
                minion_key(NODE).public,
            )
            assert page is not None
            assert page.failed
            assert UPGRADE in wire.inflate("".join(page.parts))
