"""The command line of ``mip``: read, refused, and explained.

Options stand before or after the action, as they always could. One that the action has no use for
is refused: nobody's ``--node`` is passed over. Nothing is abbreviated.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from saltext_mip.console.cli.commands import ACTIONS, NODE_ACTIONS, Action, Option

CODES = """\
Exit codes: 0 done (diff: the same; problems of data may be listed); 1 failed, or only a part was
done (diff: different; wait: not in time; status --check: not well); 2 not understood (diff: it
could not be told); 130 interrupted."""
WHERE = """\
A NODE is a minion id, a short name (ms, ui, wk1), a hospital or an address, compared whole.
--federation may be left out where only one is declared."""


class Misused(Exception):
    """What was wrong with the command line, and the usage to show with it."""

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if found := re.match(
            r"argument action: invalid choice: '(.*)' \(choose from (.*)\)", message
        ):
            near = difflib.get_close_matches(found[1], re.findall(r"[a-z-]+", found[2]), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise Misused(f"there is no action '{found[1]}' of {self.prog}{hint}")
        if found := re.match(r"unrecognized arguments: (--[a-z-]+)", message):
            near = difflib.get_close_matches(found[1], _flags(), n=1)
            message += f"; did you mean {near[0]}?" if near else ""
        raise Misused(message, self.format_usage())


class _Wait(argparse.Action):
    """``--wait`` and ``--no-wait``."""

    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **more)

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        _values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, option_string == "--wait")


# the common options, by the runner's name for each
COMMON: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(("--federation",), "federation", "which federation", {"metavar": "FED"}),
        Option(("--node",), "node", "only this node", {"metavar": "NODE"}),
        Option(("--pathology",), "pathology", "only these", {"metavar": "A,B"}),
        Option(
            ("--force",),
            "force",
            "compile: all again; tmux: anew; else nothing, since nothing is asked",
            {"action": "store_true"},
        ),
        Option(
            ("--dry-run",), "dry_run", "say what would be done, and why", {"action": "store_true"}
        ),
        Option(
            ("--timeout",),
            "timeout",
            "how long to wait for another command, or a condition (300)",
            {"type": int, "metavar": "SECONDS"},
        ),
    )
}
ALWAYS = ("federation",)
LOOKS = (
    Option(("--pusher",), "pusher", "this is the pusher (it is, unless this is a node)", {}),
    Option(("-q", "--quiet"), "quiet", "no progress", {}),
    Option(("--no-color",), "no_color", "no colours", {}),
    Option(("--json",), "json", "what was returned, as one JSON document", {}),
)


def parse(argv: Sequence[str], *, pusher: bool) -> tuple[Action, dict[str, Any]]:
    """The action and its options, of those only that were given. :class:`Misused`; -h exits."""
    actions = ACTIONS if pusher else NODE_ACTIONS
    parsed = vars(build(actions, pusher=pusher).parse_args(argv))
    given = {name: value for name, value in parsed.items() if value is not None}
    action: Action | None = given.pop("action", None)
    begun = given.pop("begun", ())
    if action is None:
        meant = [one for one in actions if one.words[: len(begun)] == begun]
        text = _listed(meant) if begun else summary(actions, pusher=pusher)
        raise Misused("which of these?", text)
    useless = [name for name in COMMON if name in given and name not in (*ALWAYS, *action.takes)]
    if useless:
        flags = ", ".join(COMMON[name].flags[0] for name in useless)
        raise Misused(f"mip {action.name} has no use for {flags}")
    if "needs node" in action.takes:
        names = [given.pop(key) for key in ("node", "name") if key in given]
        if not names:
            raise Misused(f"mip {action.name} needs the node that it is for: --node NODE")
        if len(names) > 1:
            raise Misused(f"mip {action.name} is for one node, not for two")
        given["node"] = names[0]
    if "any federation" in action.takes:
        given.pop("federation", None)  # people have it in an alias
    return action, given


def build(actions: Iterable[Action], *, pusher: bool) -> argparse.ArgumentParser:
    """argparse's parser of these actions."""
    actions = tuple(actions)
    top = _Parser(
        prog="mip",
        usage="mip [options] action [options]",
        description=summary(actions, pusher=pusher),
        epilog=f"{WHERE}\n\n{CODES}" if pusher else CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common(COMMON if pusher else ALWAYS, COMMON if pusher else ALWAYS)],
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    _branch(top, actions, (), COMMON if pusher else ALWAYS)
    return top


def _common(known: Iterable[str], told: Iterable[str]) -> _Parser:
    """Options of all actions: those that are ``known``, and of these in the help what is told."""
    common = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    group = common.add_argument_group("options of all actions")
    for option in LOOKS:
        _add(group, Option(option.flags, option.name, option.help, {"action": "store_true"}))
    group.add_argument("-v", "--verbose", action="count", help="say more; -vv all")
    group.add_argument(
        "-c", "--config-dir", dest="config_dir", metavar="DIR", help="where Salt is configured"
    )
    own = common.add_argument_group("what it is about")
    for name in known:
        _add(own, COMMON[name], hide=name not in told)
    return common


def _branch(
    parser: argparse.ArgumentParser,
    actions: Sequence[Action],
    before: tuple[str, ...],
    known: Iterable[str],
) -> None:
    """The next words that may follow ``before``."""
    depth = len(before)
    words = dict.fromkeys(
        action.words[depth]
        for action in actions
        if action.words[:depth] == before and len(action.words) > depth
    )
    below = parser.add_subparsers(
        metavar="action", help=argparse.SUPPRESS, parser_class=_Parser, prog="mip"
    )
    for word in words:
        path = (*before, word)
        exact = next((action for action in actions if action.words == path), None)
        deeper = [action for action in actions if action.words[: depth + 1] == path]
        told = [name for name in known if name in ALWAYS or (exact and name in exact.takes)]
        sub = below.add_parser(
            word,
            prog=f"mip {' '.join(path)}",
            usage=_usage(path, exact),
            description=exact.help if exact else _listed(deeper),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[_common(known, told)],
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
        )
        sub.set_defaults(begun=path)
        if exact:
            sub.set_defaults(action=exact)
            own = sub.add_argument_group("options of this action")
            for option in exact.options:
                _add(own, option)
        if any(len(action.words) > depth + 1 for action in deeper):
            _branch(sub, deeper, path, known)


def _flags() -> list[str]:
    """The long options that there are, of any action."""
    own = [option for action in (*ACTIONS, *NODE_ACTIONS) for option in action.options]
    flags = [flag for option in (*COMMON.values(), *LOOKS, *own) for flag in option.flags]
    return [flag for flag in dict.fromkeys(flags) if flag.startswith("--")]


def _usage(path: tuple[str, ...], action: Action | None) -> str:
    words = " ".join(path)
    if action is None:
        return f"mip {words} action [options]"
    placed = [one for one in action.options if not one.flags[0].startswith("-")]
    shown = [
        f"[{one.more['metavar']}]" if "nargs" in one.more else one.more.get("metavar", one.name)
        for one in placed
    ]
    return " ".join(["mip", words, *shown, "[options]"])


def _add(parser: Any, option: Option, *, hide: bool = False) -> None:
    more = dict(option.more)
    if more.get("action") == "wait":
        more["action"] = _Wait
    named = {"dest": option.name} if option.flags[0].startswith("-") else {}
    parser.add_argument(
        *option.flags, **named, help=argparse.SUPPRESS if hide else option.help, **more
    )


def summary(actions: Iterable[Action], *, pusher: bool) -> str:
    """All actions by what they are about."""
    where = "operate a federation, from its pusher" if pusher else "this node of a federation"
    lines = [f"mip: {where}"]
    groups: dict[str, list[Action]] = {}
    for action in actions:
        groups.setdefault(action.group, []).append(action)
    for group, members in groups.items():
        lines += ["", f"{group}:", _listed(members)]
    return "\n".join(lines)


def _listed(actions: Iterable[Action]) -> str:
    """One line an action; one that has two names has them together."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for action in actions:
        rows.setdefault((action.function, action.do, action.help), []).append(action.name)
    return "\n".join(f"  {', '.join(names):30} {key[2]}" for key, names in rows.items())
