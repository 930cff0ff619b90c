"""Advice in the spelling of the caller: what texts name as ``salt-run mip.…`` is ``mip …`` here.

Texts are written once, as a call of Salt's runner. Names of actions and options come from the
actions themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from saltext_mip.console.cli.action import Action, Option
from saltext_mip.console.cli.commands import ACTIONS
from saltext_mip.console.cli.parser import COMMON

_VALUE = r"(?:'[^']*'|<[^>]*>|[^\s;,()]+)"
_CALL = re.compile(
    # of a node's function nothing is respelled, nor of a state
    r"(?P<node>\bsalt-call (?:--\S+ )*mip\.\S+(?: \w+=\S+)*|\bsalt (?:'[^']*'|\S+) mip\.\S+"
    r"(?: \w+=\S+)*|\bstate\.apply mip\.\S+)"
    r"|(?:\bsalt-run )?(?<![\w./@-])mip\.(?P<function>[a-z_]+)(?!\w|\.\w)(?P<given>(?: [a-z_]+="
    + _VALUE
    + r")*)"
    # an option alone, as advice has it; no other: names of files are not respelled
    r"|(?<![\w./-])(?P<bare>limit=0|(?:dry_run|force|guard|prune|strict|yes)=True"
    r"|missing_worker=(?:fail|keep|skip)|keep=<number>)(?![\w/])"
)
_ARGUMENT = re.compile(r"([a-z_]+)=(" + _VALUE + r")")


def as_mip(text: str) -> str:
    """The text with each call of the runner as the command ``mip`` has it."""
    return _CALL.sub(_respelled, text) if "mip." in text or "=" in text else text


def _respelled(found: re.Match[str]) -> str:
    if found["node"]:
        return found[0]
    if found["bare"]:
        return _argument(found["bare"], _bare_options())
    action = _actions().get(found["function"])
    if action is None:
        return found[0]
    options = {option.name: option for option in (*COMMON.values(), *action.options)}
    given = (_argument(each, options) for each in found["given"].split(" ") if each)
    return " ".join(("mip", action.name, *(each for each in given if each)))


def _argument(text: str, options: Mapping[str, Option]) -> str:
    found = _ARGUMENT.fullmatch(text)
    option = options.get(found[1]) if found else None
    if found is None or option is None:
        return text
    value, end = found[2], ""
    if value.endswith((".", ":")):
        value, end = value[:-1], value[-1]
    switch = option.more.get("action")
    if switch in ("store_true", "store_false"):
        on = value == ("True" if switch == "store_true" else "False")
        return f"{option.flags[-1]}{end}" if on else ""
    if option.positional:
        return f"{value}{end}"
    return f"{option.flags[-1]} {value}{end}"


@cache
def _actions() -> dict[str, Action]:
    """The action for each runner function: of the same name, or with the shortest one."""
    found: dict[str, Action] = {}
    for action in sorted(ACTIONS, key=lambda each: len(each.path)):
        same = action.name == action.function.replace("_", "-")
        if action.function and (same or action.function not in found):
            found[action.function] = action
    return found


@cache
def _bare_options() -> dict[str, Option]:
    """The options that a text may name without an action: those with one spelling."""
    found: dict[str, Option] = dict(COMMON)
    for action in ACTIONS:
        for option in action.options:
            if not option.positional and option.name not in found:
                found[option.name] = option
    return found
