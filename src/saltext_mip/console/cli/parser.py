"""The command line of ``mip``: parsed, with its help and its usage errors.

Options stand before or after the action. An option that the action does not accept is an error, not
passed over. Nothing is abbreviated.
"""

from __future__ import annotations

import argparse
import difflib
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from saltext_mip.console.cli.action import OPTIONAL, Action, Handler, Option, flag, number, text
from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS, actions

CODES = """\
Exit codes:
  0    done (diff: no difference); problems of data may be listed
  1    failed, or done in part (diff: a difference; wait: timed out;
       status --check: not healthy)
  2    usage error (diff: the comparison failed)
  130  interrupted"""
NODES = """\
A NODE is a minion id, a short name (ms, ui, wk1), a hospital or an address,
compared whole. --federation may be left out if only one is declared."""


class UsageError(Exception):
    """What is wrong with the command line, and the usage to show with it."""

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


@dataclass(frozen=True)
class Options:
    """The options of ``mip`` itself."""

    pusher: bool = False
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False
    json: bool = False
    config_dir: str | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if found := re.match(
            r"argument action: invalid choice: '(.*)' \(choose from (.*)\)", message
        ):
            near = difflib.get_close_matches(found[1], re.findall(r"[a-z-]+", found[2]), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"{self.prog} has no action '{found[1]}'{hint}")
        if found := re.match(r"unrecognized arguments: (--[a-z-]+)", message):
            near = difflib.get_close_matches(found[1], _flags(), n=1)
            message += f"; did you mean {near[0]}?" if near else ""
        raise UsageError(message, self.format_usage())


# the common options, by the runner's name for each; an action names those that it takes
COMMON: Mapping[str, Option] = {
    option.name: option
    for option in (
        text("--federation", name="federation", help="name of the federation", metavar="FED"),
        text("--node", name="node", help="only this node", metavar="NODE"),
        text("--pathology", name="pathology", help="only these pathologies", metavar="A,B"),
        flag("--force", name="force", help="compile: rebuild all; tmux: recreate the session"),
        flag("--dry-run", name="dry_run", help="show what would be done, and why"),
        number(
            "--timeout",
            name="timeout",
            help="how long to wait for another command, or a condition (300)",
            metavar="SECONDS",
        ),
    )
}
ALWAYS = ("federation",)
OWN = (
    flag("--pusher", name="pusher", help="treat this machine as the pusher"),
    flag("-q", "--quiet", name="quiet", help="show no progress"),
    flag("--no-color", name="no_color", help="show no colours"),
    flag("--json", name="json", help="write what was returned, as one JSON document"),
    Option(
        ("-v", "--verbose"),
        "verbose",
        "show moments in UTC, Salt's log, and a plan in detail; -vv: debug level",
        {"action": "count"},
    ),
    text(
        "-c", "--config-dir", name="config_dir", help="Salt's configuration folder", metavar="DIR"
    ),
)


NODE_NAME = text("name", name="name", help="the node, as --node", metavar="NODE", **OPTIONAL)


def own_options(action: Action) -> tuple[Option, ...]:
    """The options of an action; where it accepts ``--node``, the node may stand alone."""
    placed = any(option.positional for option in action.options)
    alone = "node" in action.takes and not placed
    return (NODE_NAME, *action.options) if alone else action.options


def parse(argv: Sequence[str], *, pusher: bool) -> tuple[Action, Options, dict[str, Any]]:
    """The action, ``mip``'s own options, and the arguments that were given. ``-h`` exits.

    Raises :class:`UsageError`.
    """
    known = actions(pusher=pusher)
    parsed = vars(build(pusher=pusher).parse_args(argv))
    given = {name: value for name, value in parsed.items() if value is not None}
    options = Options(**{o.name: given.pop(o.name) for o in OWN if o.name in given})
    action: Action | None = given.pop("action", None)
    begun = given.pop("begun", ())
    if action is None:
        meant = [one for one in known if one.path[: len(begun)] == begun]
        listed = _listed(meant) if begun else summary(known, pusher=pusher)
        raise UsageError("choose one of these actions", listed)
    refused = [name for name in COMMON if name in given and name not in (*ALWAYS, *action.takes)]
    if refused:
        flags = ", ".join(COMMON[name].flags[0] for name in refused)
        raise UsageError(f"mip {action.name} does not accept {flags}")
    if "node" in action.takes:
        names = [given.pop(key) for key in ("node", NODE_NAME.name) if key in given]
        if not names and "needs node" in action.takes:
            raise UsageError(f"mip {action.name} needs a node: mip {action.name} NODE")
        if len(names) > 1:
            raise UsageError(f"mip {action.name} accepts one node, not two")
        if names:
            given["node"] = names[0]
    if "any federation" in action.takes:
        given.pop("federation", None)  # operators have it in an alias
    return action, options, given


def build(*, pusher: bool) -> argparse.ArgumentParser:
    """argparse's parser of the actions of a machine of that kind."""
    known = actions(pusher=pusher)
    common = tuple(COMMON) if pusher else ALWAYS
    top = _Parser(
        prog="mip",
        usage="mip [options] action [options]",
        description=summary(known, pusher=pusher),
        epilog=f"{NODES}\n\n{CODES}" if pusher else CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common(common, common)],
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    _add_actions(top, known, (), common)
    return top


@cache
def _common(accepted: tuple[str, ...], listed: tuple[str, ...]) -> _Parser:
    """The options that stand anywhere; of the ``accepted`` ones the help shows those ``listed``.

    One parser for all actions that list the same: making one for each is most of the parsing.
    """
    common = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    own = common.add_argument_group("options of all actions")
    for option in OWN:
        _add(own, option)
    scope = common.add_argument_group("scope")
    for name in accepted:
        _add(scope, COMMON[name], hide=name not in listed)
    return common


def _add_actions(
    parser: argparse.ArgumentParser,
    actions: Sequence[Action],
    before: tuple[str, ...],
    known: tuple[str, ...],
) -> None:
    """Subparsers for the parts of names that may follow ``before``."""
    depth = len(before)
    parts = dict.fromkeys(
        action.path[depth]
        for action in actions
        if action.path[:depth] == before and len(action.path) > depth
    )
    below = parser.add_subparsers(
        metavar="action", help=argparse.SUPPRESS, parser_class=_Parser, prog="mip"
    )
    for part in parts:
        path = (*before, part)
        exact = next((action for action in actions if action.path == path), None)
        deeper = [action for action in actions if action.path[: depth + 1] == path]
        listed = tuple(name for name in known if name in ALWAYS or (exact and name in exact.takes))
        sub = below.add_parser(
            part,
            prog=f"mip {' '.join(path)}",
            usage=_usage(path, exact),
            description=exact.help if exact else _listed(deeper),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[_common(known, listed)],
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
        )
        sub.set_defaults(begun=path)
        if exact:
            sub.set_defaults(action=exact)
            own = sub.add_argument_group("options of this action")
            for option in own_options(exact):
                _add(own, option)
        if any(len(action.path) > depth + 1 for action in deeper):
            _add_actions(sub, deeper, path, known)


def _flags() -> list[str]:
    """The long options that there are, of any action."""
    own = [option for action in (*ACTIONS, *NODE_ACTIONS) for option in action.options]
    flags = [each for option in (*COMMON.values(), *OWN, *own) for each in option.flags]
    return [each for each in dict.fromkeys(flags) if each.startswith("--")]


def _usage(path: tuple[str, ...], action: Action | None) -> str:
    name = " ".join(path)
    if action is None:
        return f"mip {name} action [options]"
    placed = [one for one in own_options(action) if one.positional]
    shown = [
        f"[{one.more['metavar']}]" if "nargs" in one.more else one.more.get("metavar", one.name)
        for one in placed
    ]
    return " ".join(["mip", name, *shown, "[options]"])


def _add(parser: Any, option: Option, *, hide: bool = False) -> None:
    named = {} if option.positional else {"dest": option.name}
    shown = argparse.SUPPRESS if hide else option.help
    parser.add_argument(*option.flags, **named, help=shown, **option.more)


NAMES = 30  # cells of the names of an action


def summary(actions: Iterable[Action], *, pusher: bool) -> str:
    """All actions by group."""
    where = "operate a federation from its pusher" if pusher else "operate this node"
    lines = [f"mip: {where}"]
    groups: dict[str, list[Action]] = {}
    for action in actions:
        groups.setdefault(action.group, []).append(action)
    for group, members in groups.items():
        lines += ["", f"{group}:", _listed(members)]
    return "\n".join(lines)


def _listed(actions: Iterable[Action]) -> str:
    """A line for each action, with all its names."""
    rows: dict[tuple[Handler, str, str], list[str]] = {}
    for action in actions:
        key = (action.handler, action.function, action.help)
        rows.setdefault(key, []).append(action.name)
    width = max(60, min(shutil.get_terminal_size((80, 24)).columns, 120))
    lines = []
    for (*_, text_), names in rows.items():
        lead = f"  {', '.join(names):{NAMES}} "
        after = " " * len(lead)
        lines += textwrap.wrap(
            text_, width, initial_indent=lead, subsequent_indent=after, break_on_hyphens=False
        )
    return "\n".join(lines)
