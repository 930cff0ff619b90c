"""Runner functions and the command line say the same: arguments, types, documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from saltext_mip.console.cli.action import Action, Option
from saltext_mip.console.cli.commands import ACTIONS
from saltext_mip.console.cli.parser import ALWAYS, COMMON
from saltext_mip.runners import mip, mip_controller, mip_generations, mip_nodes, mip_services

# handled by the command itself, not by the runner function
OWN: dict[str, set[str]] = {
    "consolidate": {"export", "force"},
    "status": {
        "watch",
        "interval",
        "now",
        "only_problems",
        "html",
        "node",
        "name",
        "condition",
        "timeout",
    },
    "nodes": {"node", "name"},
    "codebook": {"template"},
    "logs": {"follow"},
    "events": {"watch"},
}
# what the old command line accepted and asked for nothing: services are never forced
WITHOUT_MEANING = {"force"}
# the command attaches to the session by itself; the tag is for reactions
NOT_OFFERED = {"tmux": {"attach"}, "nodes": {"host_keys"}, "wake": {"tag"}, "notify": {"test"}}


def functions() -> Iterator[tuple[str, inspect.Signature, str]]:
    """Name, signature and docstring of every runner function."""
    for module in (mip, mip_controller, mip_generations, mip_nodes, mip_services):
        for name, function in vars(module).items():
            cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
            signatures = [each for each in cells if isinstance(each, inspect.Signature)]
            if signatures and not name.startswith("_"):
                yield name.rstrip("_"), signatures[0], inspect.getdoc(function) or ""


FUNCTIONS = {name: (signature, doc) for name, signature, doc in functions()}


def options(action: Action) -> dict[str, Option]:
    """What the command line accepts for an action, by the runner's names."""
    common = {name: COMMON[name] for name in COMMON if name in (*ALWAYS, *action.takes)}
    return {**common, **{option.name: option for option in action.options}}


def test_every_runner_function_is_found() -> None:
    assert {"consolidate", "compile", "deploy", "status", "logs", "setup"} <= set(FUNCTIONS)


def test_every_runner_function_has_an_action_and_every_action_calls_one_that_is_there() -> None:
    assert {action.function for action in ACTIONS if action.function} == set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_argument_of_a_runner_function_has_an_option(name: str) -> None:
    signature, _ = FUNCTIONS[name]
    offered: set[str] = set()
    for action in ACTIONS:
        if action.function == name:
            offered |= set(options(action))
    assert set(signature.parameters) - NOT_OFFERED.get(name, set()) <= offered


@pytest.mark.parametrize(
    "action", [each for each in ACTIONS if each.function], ids=lambda action: action.name
)
def test_every_option_of_an_action_is_an_argument_of_its_function(action: Action) -> None:
    signature, _ = FUNCTIONS[action.function]
    own = OWN.get(action.function, set()) | {"name"}
    if "force" not in signature.parameters:
        own |= WITHOUT_MEANING
    if "any federation" in action.takes:
        own |= {"federation"}
    for name, option in options(action).items():
        if name in own:
            continue
        assert name in signature.parameters
        default = signature.parameters[name].default
        if isinstance(default, bool) and "action" in option.more:
            turns_on = option.more["action"] == "store_true"
            assert turns_on is (default is False) or option.flags == ("--wait",)
        if isinstance(default, int) and not isinstance(default, bool):
            assert option.more["type"] is int
            assert name != "limit" or f"({default})" in option.help


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_argument_is_documented_in_the_docstring(name: str) -> None:
    signature, doc = FUNCTIONS[name]
    terms: set[str] = set()
    for line in re.findall(r"^([a-z_, ]+)$(?=\n    )", doc, re.MULTILINE):
        terms |= {term.strip() for term in line.split(",")}
    assert set(signature.parameters) <= terms


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_a_help_line_starts_with_a_verb_and_names_of_one_action_share_it(action: Any) -> None:
    first = action.help.partition(" ")[0].rstrip(",")
    nouns = {"the", "a", "an", "all", "every", "what", "whether", "nothing", "such", "as", "how"}
    assert first == first.lower()
    assert first not in nouns
    assert not first.endswith("s")
