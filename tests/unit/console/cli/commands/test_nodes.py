"""``mip node list``, ``node status``, ``describe`` and ``ssh``, with Salt's answers known."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from saltext_mip.console.cli.commands import nodes
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.errors import UnknownNode
from saltext_mip.text import size
from tests.support.returns import example
from tests.unit.console.cli.scripted import Scripted, context


@pytest.fixture
def listed() -> dict[str, Any]:
    value: dict[str, Any] = example("nodes")[1]
    return value


def test_the_list_is_of_all_nodes_or_of_one_by_any_of_its_names(
    listed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted(listed, listed)
    assert nodes.list_nodes(context(salt, ("nodes",), json=True), {"federation": "fed1"}) == 0
    assert json.loads(capsys.readouterr().out) == listed
    given = {"federation": "fed1", "node": "niguarda.example"}
    assert nodes.list_nodes(context(salt, ("nodes",), json=True), given) == 0
    assert set(json.loads(capsys.readouterr().out)["nodes"]) == {"fed1-wk-niguarda"}
    assert salt.calls == [("nodes", {"federation": "fed1"})] * 2


def test_a_node_that_is_not_declared_is_an_error_that_names_those_that_are(
    listed: dict[str, Any],
) -> None:
    with pytest.raises(UnknownNode, match="fed1-wk-chuv"):
        nodes.list_nodes(context(Scripted(listed), ("nodes",)), {"node": "wk"})


def test_an_error_of_the_runner_is_the_commands_error(capsys: pytest.CaptureFixture[str]) -> None:
    failed = CommandResult(1, error="no pillar")
    for handler in (nodes.list_nodes, nodes.describe, nodes.ssh):
        assert handler(context(Scripted(failed), ("nodes",)), {"node": "wk1"}) == 1
        assert capsys.readouterr().err == "no pillar\n"


def test_the_status_of_nodes_has_no_services(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert nodes.describe(context(Scripted(status), ("node", "status")), {}) == 0
    out = capsys.readouterr().out
    assert "fed1-wk-chuv" in out
    assert "WorkersReachable" in out
    assert "exareme:24.3.0" not in out
    assert "Deployed" not in out


def test_a_description_has_one_nodes_facts_services_and_problems(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert nodes.describe(context(Scripted(status), ("describe",)), {"node": "wk1"}) == 0
    out = capsys.readouterr().out
    assert out.startswith("fed1-wk-chuv")
    assert re.search(r"address +10\.77\.0\.21", out)
    assert "no response since 2026-03-12 03:05 UTC" in out
    assert "exareme: its node is down" in out
    assert "(WorkerMissing)" in out
    assert "fed1-ms" not in out


def test_a_node_without_problems_is_described_as_such(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert nodes.describe(context(Scripted(status), ("describe",)), {"node": "ms"}) == 0
    assert capsys.readouterr().out.endswith("No problems.\n")


def test_a_description_has_what_the_node_reported(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    reported = {"mip": "0.2.1", "salt": "3008.2", "docker": "unknown"}
    status["nodes"]["fed1-ms"] |= {"versions": reported, "free": 7 << 30}
    assert nodes.describe(context(Scripted(status), ("describe",)), {"node": "ms"}) == 0
    out = capsys.readouterr().out
    assert re.search(r"versions +saltext-mip 0\.2\.1, Salt 3008\.2, Docker unknown\n", out)
    assert re.search(rf"free space +{re.escape(size(7 << 30))}\n", out)


def test_a_program_gets_the_status_without_the_other_nodes(
    status: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted(status)
    assert nodes.describe(context(salt, ("describe",), json=True), {"node": "wk1"}) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["nodes"]) == {"fed1-wk-chuv"}
    assert set(found["services"]) == {"fed1-wk-chuv_exareme"}
    assert found["conditions"] == status["conditions"]


def test_ssh_goes_to_the_nodes_address_by_its_recorded_key_and_into_its_data_folder(
    listed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed["nodes"]["fed1-wk-chuv"]["data_path"] = "/data/fed1"
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(nodes, "exec_program", lambda argv: called.append(tuple(argv)) or 0)
    nodes.ssh(context(Scripted(listed), ("ssh",)), {"node": "wk1"})
    (argv,) = called
    assert argv[0] == "ssh"
    assert "HostKeyAlias=fed1-wk-chuv" in argv
    assert 'UserKnownHostsFile="/var/lib/mip/known_hosts"' in argv
    assert argv[argv.index("-l") + 1] == "mipadmin"
    assert argv[argv.index("--") + 1] == "10.77.0.21"
    assert argv[-1].endswith(" /data/fed1")


def test_ssh_to_a_node_without_data_opens_the_login_shell(
    listed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, ...]] = []
    monkeypatch.setattr(nodes, "exec_program", lambda argv: called.append(tuple(argv)) or 0)
    nodes.ssh(context(Scripted(listed), ("ssh",)), {"node": "ui"})
    assert called[0][-1] == "10.77.0.11"


def test_no_shell_is_opened_on_a_node_whose_host_keys_are_not_known(
    listed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    salt = Scripted({**listed, "notes": ["fed1-wk-chuv: its ssh host keys are not known"]})
    assert nodes.ssh(context(salt, ("ssh",)), {"node": "wk1"}) == 1
    assert salt.calls == [("nodes", {"host_keys": "wk1"})]
    assert capsys.readouterr().err == "fed1-wk-chuv: its ssh host keys are not known\n"
