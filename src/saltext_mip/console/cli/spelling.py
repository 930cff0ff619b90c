"""Advice in the spelling of the caller: ``mip …`` in the command ``mip``, else ``salt-run mip.…``.

Texts are written once, in either spelling. Names of actions and options come from the actions
themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from saltext_mip.console.cli.action import Action, Option
from saltext_mip.console.cli.commands import ACTIONS
from saltext_mip.console.cli.parser import COMMON
from saltext_mip.results import COMMANDS
from saltext_mip.text import with_salt_run

_OF_MIP_ALONE = {
    "export",
    "follow",
    "html",
    "interval",
    "now",
    "only_problems",
    "template",
    "watch",
}

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
    # an argument that is named, as errors do
    r"|(?<![\w./-])(?P<named>at|duration|limit|lines|node|pathology|since|timeout|until)=(?=[\s.,;])"
)
_ARGUMENT = re.compile(r"([a-z_]+)=(" + _VALUE + r")")


def as_mip(text: str) -> str:
    """The text with each call of the runner as the command ``mip`` has it."""
    return _CALL.sub(_respelled, text) if "mip." in text or "=" in text else text


def as_runner(text: str) -> str:
    """The text with each action of ``mip`` that a runner function does, and each call of one, as a
    line that can be typed: ``salt-run mip.…``."""
    if "mip " in text:
        text = _lines().sub(_as_call, text)
    if "--" in text:
        text = _BARE_FLAG.sub(lambda found: _argument_of(found[0], _bare_flags()), text)
    return with_salt_run(text, COMMANDS)


_FLAG = r" --[a-z-]+(?: (?!--)[\w.<>…'-]*[\w>…'])?"
_BARE_FLAG = re.compile(
    r"(?<![\w=-])--(?:dry-run|guard|online-cdes|missing-worker (?:fail|keep|skip))(?![\w-])"
    # these are other programs' too
    r"|(?<![\w=-])(?<!\w )--(?:force|prune|strict|yes)(?![\w-])"
)


@cache
def _lines() -> re.Pattern[str]:
    """Any action that a function of the runner does, with options."""
    names = sorted(_functions(), key=len, reverse=True)
    return re.compile(
        rf"(?<![\w./-])mip (?P<name>{'|'.join(map(re.escape, names))})(?![\w/-]|\.\w)"
        rf"(?P<given>(?:{_FLAG})*)"
    )


@cache
def _functions() -> dict[str, Action]:
    """The actions that are a call of their function, by name."""
    meant = _actions()
    return {
        action.name: action
        for action in ACTIONS
        if action.function and action.handler is meant[action.function].handler
    }


def is_of_mip_alone(action: Action, option: str) -> bool:
    """Whether the function of the action has no such argument."""
    if option == "force":
        return action.function not in ("compile", "tmux")
    return option in _OF_MIP_ALONE or (option == "node" and action.function in ("nodes", "status"))


def _as_call(found: re.Match[str]) -> str:
    action = _functions()[found["name"]]
    options = {flag: one for one in (*COMMON.values(), *action.options) for flag in one.flags}
    given = re.findall(_FLAG, found["given"])
    named = [options.get(each.split()[0]) for each in given]
    if any(option is None or is_of_mip_alone(action, option.name) for option in named):
        return found[0]
    arguments = (_argument_of(each.strip(), options) for each in given)
    return " ".join((f"salt-run mip.{action.function}", *arguments))


def _argument_of(text: str, flags: Mapping[str, Option]) -> str:
    """``--node wk1`` as ``node=wk1``, ``--dry-run`` as ``dry_run=True``."""
    flag, _, value = text.partition(" ")
    option = flags[flag]
    switch = option.more.get("action")
    if switch in ("store_true", "store_false"):
        on = f"{option.name}={switch == 'store_true'}"
        return f"{on} {value}" if value else on
    return f"{option.name}={value}"


@cache
def _bare_flags() -> dict[str, Option]:
    return {flag: option for option in _bare_options().values() for flag in option.flags}


def _respelled(found: re.Match[str]) -> str:
    if found["node"]:
        return found[0]
    if found["named"]:
        return _named_option(found["named"])
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


def _named_option(name: str) -> str:
    option = _bare_options().get(name)
    return f"{name}=" if option is None else option.flags[-1]
