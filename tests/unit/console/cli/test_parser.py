"""The command line: what is accepted, what is refused, what the runner is given, the help."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS
from saltext_mip.console.cli.parser import UsageError, build, parse
from tests.support import manual


def understood(line: str, *, pusher: bool = True) -> tuple[str, dict[str, Any]]:
    action, _, given = parse(shlex.split(line), pusher=pusher)
    return action.function or action.name, given


TYPED = {(line.host, line.text): line for line in manual.documented() if line.program == "mip"}


@pytest.mark.parametrize("line", TYPED.values(), ids=lambda line: f"{line.host}: {line.text}")
def test_a_line_of_the_manual_is_understood_where_it_is_typed(line: manual.Line) -> None:
    pusher = line.host == "pusher"
    if "--help" in line.words:
        with pytest.raises(SystemExit) as ended:
            parse(line.words, pusher=pusher)
        assert ended.value.code == 0
    else:
        assert parse(line.words, pusher=pusher)


@pytest.mark.parametrize(
    ("line", "function", "arguments"),
    [
        ("--pusher --federation fed1 data consolidate", "consolidate", {"federation": "fed1"}),
        (
            "data consolidate --review-dataset-labels --online-cdes --federation fed1"
            " --datacatalogue-protocol https --datacatalogue-host c.example:8086",
            "consolidate",
            {
                "federation": "fed1",
                "review_dataset_labels": True,
                "online_cdes": True,
                "datacatalogue_protocol": "https",
                "datacatalogue_host": "c.example:8086",
            },
        ),
        (
            "--node wk1 --force --pathology a,b data compile",
            "compile",
            {"node": "wk1", "force": True, "pathology": "a,b"},
        ),
        ("service stop --node wk2 --dry-run", "stop", {"node": "wk2", "dry_run": True}),
        ("suspend --reason x --for 2h", "suspend", {"reason": "x", "duration": "2h"}),
        ("refresh --no-wait", "refresh", {"wait": False}),
        ("refresh --wait --timeout 60", "refresh", {"wait": True, "timeout": 60}),
        ("restore --backup-file 3", "rollback", {"generation": 3}),
        ("rollback 3", "rollback", {"generation": 3}),
        ("rollback", "rollback", {}),
        ("diff 3 4", "diff", {"a": 3, "b": 4}),
        ("describe chuv", "status", {"node": "chuv"}),
        ("ssh --node chuv", "nodes", {"node": "chuv"}),
        (
            "logs -f --component exareme --limit 5",
            "logs",
            {
                "follow": True,
                "component": "exareme",
                "lines": 5,
            },
        ),
    ],
)
def test_options_become_the_runners_arguments(
    line: str, function: str, arguments: dict[str, Any]
) -> None:
    found, given = understood(line)
    assert found == function
    assert given == arguments


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean status"):
        parse(["staus"], pusher=True)


def test_a_node_has_none_of_the_pushers_actions() -> None:
    for action in ("consolidate", "tmux", "rollback"):
        with pytest.raises(UsageError):
            parse([action], pusher=False)


@pytest.mark.parametrize("pusher", [True, False])
def test_the_help_has_every_action_and_fits_a_terminal(pusher: bool) -> None:
    text = build(pusher=pusher).format_help()
    for action in ACTIONS if pusher else NODE_ACTIONS:
        assert action.name in text
    assert max(map(len, text.splitlines())) <= 100
    assert "Exit codes:" in text


# but where something else stands alone
ALONE = sorted(
    one.name
    for one in ACTIONS
    if "node" in one.takes and not any(option.positional for option in one.options)
)


@pytest.mark.parametrize("name", ALONE, ids=str)
def test_wherever_a_node_is_an_option_it_may_stand_alone(name: str) -> None:
    for words in (["wk1"], ["--node", "wk1"]):
        _, _, given = parse([*name.split(), *words], pusher=True)
        assert given["node"] == "wk1"
    with pytest.raises(UsageError, match="one node, not two"):
        parse([*name.split(), "wk1", "--node", "wk2"], pusher=True)


# what changes nothing on any node and in no record, or is itself no more than a request
LOOKS = {
    *("nodes", "status", "history", "show", "diff", "export", "events", "logs", "codebook"),
    *("wake", "check_nodes", "tmux", "notify", "page"),
}


def test_whatever_changes_something_has_a_dry_run() -> None:
    """As the manual promises: an action, and the function that it calls."""
    without = {
        action.name: action.function
        for action in ACTIONS
        if action.function and "dry_run" not in action.takes
    }
    assert set(without.values()) <= LOOKS, without
    assert not {action.function for action in ACTIONS if "dry_run" in action.takes} & LOOKS


def test_every_page_that_has_a_dry_run_typed_has_one_that_is_accepted() -> None:
    typed = [line for line in manual.documented() if "--dry-run" in line.words]
    assert len({line.does for line in typed}) > 8
    for line in typed:
        action, _, given = parse(line.words, pusher=line.host == "pusher")
        assert given["dry_run"] is True, line.text
        assert "dry_run" in action.takes, line.text
