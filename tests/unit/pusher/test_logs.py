"""The pusher's side of the console: host keys, logs of all nodes, the session's words on nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from saltext_mip import __version__
from saltext_mip.errors import Misuse, UnknownNode
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import Pusher
from tests.support import commands
from tests.support.folders import Folders

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID05unRfUF2SsjlF9npe8lB4b5Vv3jZdmdhyXb6LzjQ8"


@dataclass
class Told:
    """Nodes that answer with what they are told to."""

    values: dict[str, Any]
    missing: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, tuple[str, ...], dict[str, Any]]] = field(default_factory=list)

    def ask(
        self, function: str, targets: Sequence[str], arguments: Sequence[Any] = (), **more: Any
    ) -> Answers:
        self.asked.append((function, tuple(targets), more))
        if function == "test.ping":
            return Answers({node: True for node in targets if node not in self.missing})
        if function == "mip.version":
            return Answers(dict.fromkeys(targets, __version__))
        return Answers(
            {node: self.values[node] for node in targets if node in self.values},
            {node: why for node, why in self.missing.items() if node in targets},
        )


def pusher(fed: Folders, told: Told) -> Pusher:
    return replace(fed.pusher, nodes=told)


def lines(*texts: str, at: str = "04:05:06", component: str = "exareme") -> dict[str, Any]:
    stamps = [f"2026-03-12T{at}.{nth:09}Z" for nth in range(len(texts))]
    return {
        "component": component,
        "lines": [list(pair) for pair in zip(stamps, texts, strict=True)],
    }


def test_logs_are_merged_by_time(fed: Folders) -> None:
    told = Told(
        {
            "fed1-ms": lines("a", "d", at="04:00:00", component="exareme-master"),
            "fed1-wk-h1": lines("c", at="04:00:01"),
            "fed1-wk-h2": lines("b", at="03:00:00"),
        },
        {"fed1-ui": "it does not answer"},
    )
    value = commands.logs(pusher(fed, told), None, None, None, None)
    assert [line["text"] for line in value["lines"]] == ["b", "a", "d", "c"]
    assert value["lines"][1]["node"] == "fed1-ms"
    assert value["nodes"]["fed1-ui"]["reason"] == "it does not answer"
    assert value["retcode"] == 1


def test_no_more_lines_come_than_were_asked_for(fed: Folders) -> None:
    told = Told({node: lines("x", "y") for node in fed.federation.ids})
    value = commands.logs(pusher(fed, told), None, None, 3, "10m")
    assert len(value["lines"]) == 3
    assert told.asked[0][2]["lines"] == 3
    assert told.asked[0][2]["since"] == "10m"
    assert "retcode" not in value


def test_a_disabled_node_is_asked_only_when_it_is_named(fed: Folders) -> None:
    told = Told({node: lines("x") for node in fed.federation.ids})
    asking = pusher(fed, told)
    commands.disable(asking, "h1", None, dry_run=False)
    commands.logs(asking, None, None, None, None)
    commands.logs(asking, "h1", None, None, None)
    assert "fed1-wk-h1" not in told.asked[0][1]
    assert told.asked[1][1] == ("fed1-wk-h1",)


@pytest.mark.parametrize(
    "forged",
    [
        None,
        {},
        {"component": "exareme", "lines": [["yesterday", "x"]]},
        {"component": "exareme", "lines": [["2026-03-12T04:05:06.000000000Z"]]},
        {"component": 1, "lines": []},
        {"component": "exareme", "lines": "x"},
    ],
)
def test_what_is_no_log_is_not_believed(fed: Folders, forged: Any) -> None:
    told = Told({"fed1-wk-h1": forged})
    value = commands.logs(pusher(fed, told), "h1", None, None, None)
    assert "invalid response" in value["nodes"]["fed1-wk-h1"]["reason"]
    assert value["lines"] == []


def test_a_nodes_log_steers_no_terminal(fed: Folders) -> None:
    told = Told({"fed1-wk-h1": lines("\x1b[2J")})
    value = commands.logs(pusher(fed, told), "h1", None, None, None)
    assert value["lines"][0]["text"] == "\\x1b[2J"


@pytest.mark.parametrize("wrong", [{"lines": 0}, {"since": "soon"}, {"component": 3}])
def test_a_wrong_argument_is_refused_before_anybody_is_asked(fed: Folders, wrong: Any) -> None:
    told = Told({})
    asked = {"component": None, "lines": None, "since": None, **wrong}
    with pytest.raises(Misuse):
        commands.logs(pusher(fed, told), None, **asked)
    with pytest.raises(UnknownNode):
        commands.logs(pusher(fed, told), "fed1-wk", None, None, None)
    assert told.asked == []


def test_a_check_takes_host_keys_and_says_whose_it_could_not(fed: Folders) -> None:
    keys = {node: [KEY] for node in fed.federation.ids}
    told = Told({**keys, "fed1-wk-h2": ["no key"]})
    asking = pusher(fed, told)
    result = commands.check_nodes(asking, None)
    known = (asking.state / "known_hosts").read_text()
    assert known.splitlines() == [f"{node} {KEY}" for node in ("fed1-ms", "fed1-ui", "fed1-wk-h1")]
    assert (asking.state / "known_hosts").stat().st_mode & 0o777 == 0o600
    assert result["notes"] == ["fed1-wk-h2: its ssh host keys are not recorded: not a host key"]
    assert "retcode" not in result


def test_keys_of_who_does_not_answer_stay_as_they_were(fed: Folders) -> None:
    told = Told({node: [KEY] for node in fed.federation.ids})
    asking = pusher(fed, told)
    commands.check_nodes(asking, None)
    before = (asking.state / "known_hosts").read_text()
    told.missing["fed1-wk-h1"] = "it does not answer"
    told.values.pop("fed1-wk-h1")
    assert commands.check_nodes(asking, None)["down"] == ["fed1-wk-h1"]
    assert (asking.state / "known_hosts").read_text() == before
