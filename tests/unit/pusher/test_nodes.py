"""List, check, enable and disable nodes that are folders."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET, to_builtins

from saltext_mip import host_keys
from saltext_mip.errors import AmbiguousNode, Misuse, UnknownNode
from saltext_mip.pusher import nodes
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.consolidate import Options
from saltext_mip.pusher.generations.history import history
from saltext_mip.pusher.nodes_seen import record_availability
from tests.support.commands import consolidate
from tests.support.folders import Folders
from tests.unit.pusher.conftest import rows

MARK = ".mip-data"
KEY = f"ssh-ed25519 {base64.b64encode(b'0000ssh-ed25519' + bytes(36)).decode()}"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host keys of the machine, which has none where no sshd is installed."""
    monkeypatch.setattr(host_keys, "own_keys", lambda _: [KEY])


def listed(fed: Folders) -> Any:
    return to_builtins(nodes.list_nodes(fed.pusher))["nodes"]


def since(found: Any) -> dict[str, Any]:
    return {node: (of["up"], of["since"]) for node, of in found.items()}


def check(fed: Folders, name: str | None = None) -> Any:
    return to_builtins(nodes.check_nodes(fed.pusher, name))


def enable(fed: Folders, name: str | None, *, dry_run: bool = False) -> Any:
    return to_builtins(nodes.enable(fed.pusher, name, dry_run=dry_run))


def disable(fed: Folders, name: str | None, reason: str | None = None, **how: bool) -> Any:
    return to_builtins(nodes.disable(fed.pusher, name, reason, **{"dry_run": False, **how}))


def test_the_list_asks_once_those_that_were_never_asked(fed: Folders) -> None:
    fed.down = {"fed1-wk-h2"}
    found = listed(fed)
    assert list(found) == ["fed1-ms", "fed1-ui", "fed1-wk-h1", "fed1-wk-h2"]
    assert {node: (of["up"], of["enabled"]) for node, of in found.items()} == {
        "fed1-ms": (True, True),
        "fed1-ui": (True, True),
        "fed1-wk-h1": (True, True),
        "fed1-wk-h2": (False, True),
    }
    assert found["fed1-wk-h2"]["reason"] == "it does not answer"
    assert all(of["age"] <= 10 for of in found.values())
    assert found["fed1-ui"]["data_path"] is None
    assert found["fed1-wk-h1"]["data_path"] == str(fed.data("fed1-wk-h1"))
    assert found["fed1-wk-h1"]["contact"] == "it@h1.example"
    assert fed.asked == [("federation_node.host_keys", tuple(found))]
    assert listed(fed)["fed1-ms"]["age"] > found["fed1-ms"]["age"]
    assert len(fed.asked) == 1


def test_since_is_when_a_node_went_down_or_came_back(fed: Folders) -> None:
    check(fed)
    first = listed(fed)
    check(fed)
    assert since(listed(fed)) == since(first)
    fed.down = {"fed1-wk-h2"}
    assert check(fed)["retcode"] == 1
    down = listed(fed)
    assert down["fed1-wk-h2"]["up"] is False
    assert down["fed1-wk-h2"]["since"] > first["fed1-wk-h2"]["since"]
    assert since(down)["fed1-wk-h1"] == since(first)["fed1-wk-h1"]


def test_up_since_is_the_minions_own_start(fed: Folders) -> None:
    """Not when it was first asked: a node that was installed long ago is up since then."""
    noon = datetime(2027, 1, 1, 12, tzinfo=UTC)
    node = "fed1-wk-h2"

    def seen(minutes: int, up: bool = True, uptime: Any = None) -> dict[str, Any]:
        pusher = replace(fed.pusher, now=lambda: noon + timedelta(minutes=minutes))
        answers = Answers({node: {"uptime": uptime}} if up else {}, {} if up else {node: "away"})
        record_availability(pusher, answers, [node])
        found = to_builtins(nodes.list_nodes(pusher, ask=False))["nodes"][node]
        return {key: found.get(key) for key in ("up", "since", "uptime")}

    ten = "2027-01-01T10:00:00+00:00"
    assert seen(0) == {"up": True, "since": "2027-01-01T12:00:00+00:00", "uptime": None}
    assert seen(1, uptime=7260.0) == {"up": True, "since": ten, "uptime": 7260}
    assert seen(2, uptime=7322.5)["since"] == ten
    assert seen(2)["since"] == ten
    down = seen(3, up=False)
    assert down == {"up": False, "since": "2027-01-01T12:03:00+00:00", "uptime": None}
    back = seen(5, uptime=60.0)
    assert back == {"up": True, "since": "2027-01-01T12:04:00+00:00", "uptime": 60}
    for nonsense in (-5.0, 1e300, float("nan"), float("inf"), "long", None):
        assert seen(6, uptime=nonsense)["since"] == back["since"]


def test_a_check_of_one_node_is_of_that_node_and_names_why_it_is_down(fed: Folders) -> None:
    fed.down = {"fed1-wk-h2"}
    result = check(fed, "wk2")
    assert list(result["nodes"]) == ["fed1-wk-h2"]
    assert result["nodes"]["fed1-wk-h2"]["reason"] == "it does not answer"
    assert result["down"] == ["fed1-wk-h2"]
    assert "retcode" not in check(fed, "h1")
    assert "age" not in check(fed, "h1")["nodes"].get("fed1-ms", {})


def test_a_disabled_node_that_is_down_fails_no_check(fed: Folders) -> None:
    disable(fed, "wk2", "moved")
    fed.down = {"fed1-wk-h2"}
    result = check(fed)
    assert "retcode" not in result
    assert result["nodes"]["fed1-wk-h2"]["up"] is False
    assert result["nodes"]["fed1-wk-h2"]["disabled"]["reason"] == "moved"


@pytest.mark.parametrize(
    ("name", "error"), [(None, Misuse), ("wk9", UnknownNode), ("fed1", UnknownNode)]
)
def test_enable_and_disable_need_a_node_that_there_is(
    fed: Folders, name: str | None, error: type[Exception]
) -> None:
    for change in (enable, disable):
        with pytest.raises(error):
            change(fed, name)


def test_a_name_that_fits_two_nodes_is_refused(fed: Folders) -> None:
    fed.declared["nodes"]["fed1-wk-h2"]["hospital"] = "wk1"
    with pytest.raises(AmbiguousNode, match="fed1-wk-h1, fed1-wk-h2"):
        disable(fed, "wk1")


def test_a_second_disable_changes_nothing_and_keeps_the_first_reason(fed: Folders) -> None:
    first = disable(fed, "wk1", "its disk")
    assert (first["changed"], first["plan"][0]["action"]) == (True, "disable")
    again = disable(fed, "wk1", "another")
    assert (again["changed"], again["plan"][0]["action"]) == (False, "nothing")
    assert again["nodes"]["fed1-wk-h1"]["disabled"]["reason"] == "its disk"


def test_a_dry_run_has_the_plan_and_changes_nothing(fed: Folders) -> None:
    result = disable(fed, "wk1", dry_run=True)
    assert (result["dry_run"], result["changed"]) == (True, False)
    assert result["plan"][0]["action"] == "disable"
    assert listed(fed)["fed1-wk-h1"]["enabled"] is True
    disable(fed, "wk1")
    plan = enable(fed, "wk1", dry_run=True)["plan"]
    assert [item["action"] for item in plan] == ["enable", "enrol"]
    assert listed(fed)["fed1-wk-h1"]["enabled"] is False
    assert not fed.data("fed1-wk-h1", MARK).exists()


def test_enable_enrols_the_data_path_once(fed: Folders) -> None:
    first = enable(fed, "wk1")
    assert [item["action"] for item in first["plan"]] == ["nothing", "enrol"]
    assert first["changed"] is True
    assert fed.data("fed1-wk-h1", MARK).exists()
    assert "notes" not in first
    assert first["nodes"]["fed1-wk-h1"]["enabled"] is True
    again = enable(fed, "wk1")
    assert (again["changed"], len(again["plan"])) == (False, 1)


def test_the_history_names_who_disabled_and_enabled_a_node(fed: Folders) -> None:
    """Also where the controller consolidates, whose own decision it is not."""
    consolidate(fed.pusher, Options())
    controller = replace(fed.pusher, actor="controller")
    disable(fed, "wk2", "it moves")
    consolidate(controller, Options())
    enable(fed, "wk2")
    consolidate(controller, Options())
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    consolidate(controller, Options())
    found = to_builtins(history(fed.pusher, None, 0))["generations"]
    assert [(each["actor"], each["note"]) for each in found] == [
        ("controller", None),
        ("controller", "with fed1-wk-h2: enabled by operator"),
        ("controller", "without fed1-wk-h2: disabled by operator: it moves"),
        ("operator", None),
    ]


def test_the_ui_has_no_data_path_to_enrol(fed: Folders) -> None:
    disable(fed, "ui")
    assert [item["action"] for item in enable(fed, "ui")["plan"]] == ["enable"]
    assert ("federation_node.enrol", ("fed1-ui",)) not in fed.asked


def test_a_node_that_is_enabled_while_it_is_down_has_to_be_enabled_again(fed: Folders) -> None:
    disable(fed, "wk1")
    fed.down = {"fed1-wk-h1"}
    result = enable(fed, "wk1")
    assert (result["changed"], result["retcode"]) == (True, 1)
    assert "it does not answer" in result["notes"][0]
    assert listed(fed)["fed1-wk-h1"]["enabled"] is True
    fed.down = set()
    assert enable(fed, "wk1")["plan"][-1]["action"] == "enrol"


def test_a_folder_that_is_not_there_and_one_without_pathologies_are_noted(fed: Folders) -> None:
    fed.declared["nodes"]["fed1-wk-h1"]["data_path"] = str(fed.root / "none")
    assert "none not found" in enable(fed, "wk1")["notes"][0]
    (fed.root / "none").mkdir()
    assert "no pathology folder" in enable(fed, "wk1")["notes"][0]


def test_nodes_with_another_version_than_the_pushers_are_named_with_the_command(
    fed: Folders,
) -> None:
    assert "notes" not in check(fed)
    fed.versions = {"fed1-wk-h1": "0.0.1", "fed1-wk-h2": "0.0.1"}
    result = check(fed)
    assert result["versions"]["fed1-wk-h1"] == "0.0.1"
    assert "retcode" not in result
    (note,) = result["notes"]
    assert note.startswith("fed1-wk-h1, fed1-wk-h2: saltext-mip 0.0.1, and the pusher has ")
    assert "salt-pip install --upgrade" in note


def test_host_keys_are_asked_for_where_they_are_not_known_and_once(fed: Folders) -> None:
    assert nodes.list_nodes(fed.pusher, host_keys="wk1").notes is UNSET
    assert fed.asked == [("federation_node.host_keys", ("fed1-wk-h1",))]
    fed.down = {"fed1-ui"}
    notes = nodes.list_nodes(fed.pusher, host_keys=True).notes
    assert fed.asked[1:] == [("federation_node.host_keys", ("fed1-ms", "fed1-ui", "fed1-wk-h2"))]
    assert notes == [
        "fed1-ui: its ssh host keys are not known, so ssh does not connect: it does not answer"
    ]
    fed.down = set()
    nodes.list_nodes(fed.pusher, host_keys=True)
    assert fed.asked[2:] == [("federation_node.host_keys", ("fed1-ui",))]
    nodes.list_nodes(fed.pusher, host_keys=True)
    assert len(fed.asked) == 3


def test_a_node_without_host_keys_is_named(fed: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_keys, "own_keys", lambda _: [])
    found = nodes.list_nodes(fed.pusher, host_keys="wk2").notes
    assert found == [
        "fed1-wk-h2: its ssh host keys are not known, so ssh does not connect: it has none"
    ]


@pytest.mark.parametrize("dry_run", [True, False])
def test_disable_and_enable_name_the_datasets_and_when_they_leave_and_return(
    fed: Folders, dry_run: bool
) -> None:
    fed.write("fed1-wk-h2", "dementia", "shared.csv", rows("shared"))
    fed.write("fed1-wk-h1", "dementia", "shared.csv", rows("shared"))
    consolidate(fed.pusher, Options())
    notes = disable(fed, "wk1", dry_run=dry_run)["notes"]
    assert notes == [
        "The next mip.consolidate (no controller runs) removes from the listing: dementia: edsd."
        " Until then they are listed.",
        "These remain listed, of other nodes: dementia: shared.",
    ]
    disable(fed, "wk1")
    consolidate(fed.pusher, Options())
    (note,) = enable(fed, "wk1", dry_run=dry_run)["notes"]
    assert note == (
        "The next mip.consolidate (no controller runs) lists what fed1-wk-h1 has;"
        " generation 1 had: dementia: edsd, dementia: shared."
    )


def test_what_enables_a_node_names_who_disabled_it_and_when(fed: Folders) -> None:
    disable(fed, "wk1", "its disk")
    item = enable(fed, "wk1")["plan"][0]
    assert item["reason"].startswith("disabled by operator since 2026-03-12 03:")
