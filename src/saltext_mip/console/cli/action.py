"""What an action of ``mip`` is: its name, what the parser accepts for it, its help, its code.

The parser, the help and the completion are made from these. The actions are defined in
:mod:`saltext_mip.console.cli.commands`, each beside its code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saltext_mip.console.cli.context import Context

USAGE_ERROR = 2  # exit codes

Arguments = Mapping[str, Any]
Handler = Callable[["Context", Arguments], int]


@dataclass(frozen=True)
class Option:
    """An argument of an action; ``flags`` without a dash: a positional argument.

    ``name`` is the runner's argument. ``more`` goes to argparse.
    """

    flags: tuple[str, ...]
    name: str
    help: str
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def positional(self) -> bool:
        return not self.flags[0].startswith("-")


def call(context: Context, given: Arguments) -> int:
    """Call the action's runner function and show what it returned."""
    result = context.run(context.action.function, **given)
    return context.finish(context.action.function, result)


@dataclass(frozen=True)
class Action:
    """``path`` is its name, part by part; ``function`` the runner function that it calls, if one.

    ``takes`` names the common options that it accepts, ``handler`` is its code and returns the exit
    code.
    """

    path: tuple[str, ...]
    function: str
    help: str
    group: str
    takes: frozenset[str] = frozenset()
    options: tuple[Option, ...] = ()
    handler: Handler = call

    @property
    def name(self) -> str:
        return " ".join(self.path)


def action(
    *names: str,
    help: str,  # noqa: A002 - argparse's name
    group: str,
    function: str = "",
    takes: frozenset[str] = frozenset(),
    options: tuple[Option, ...] = (),
    handler: Handler = call,
) -> tuple[Action, ...]:
    """An action under each of its names, such as ``"data compile", "compile"``."""
    return tuple(
        Action(tuple(name.split()), function, help, group, takes, options, handler)
        for name in names
    )


def flag(*flags: str, name: str, help: str) -> Option:  # noqa: A002
    return Option(flags, name, help, {"action": "store_true"})


def number(*flags: str, name: str, help: str, metavar: str = "N", **more: Any) -> Option:  # noqa: A002
    return Option(flags, name, help, {"type": int, "metavar": metavar, **more})


def text(*flags: str, name: str, help: str, metavar: str, **more: Any) -> Option:  # noqa: A002
    return Option(flags, name, help, {"metavar": metavar, **more})


def choice(*flags: str, name: str, help: str, choices: tuple[str, ...]) -> Option:  # noqa: A002
    return Option(flags, name, help, {"choices": choices})


# sets of common options, for ``takes``
DRY_RUN = frozenset({"dry_run", "timeout"})
DRY_RUN_ONLY = frozenset({"dry_run"})
NODE = frozenset({"node"})
ONE_NODE = frozenset({"node", "needs node"})
FORCE = frozenset({"force"})
PATHOLOGY = frozenset({"pathology"})
TIMEOUT = frozenset({"timeout"})
ANY_FEDERATION = frozenset({"any federation"})  # --federation is accepted and means nothing

OPTIONAL: Mapping[str, Any] = {"nargs": "?", "default": None}
GUARD = flag("--guard", name="guard", help="hold removals as an automatic refresh does")
YES = flag("-y", "--yes", name="yes", help="remove datasets without a question")
REASON = text("--reason", name="reason", help="reason, shown to other operators", metavar="TEXT")
COMPONENT = text("--component", name="component", help="component, such as exareme", metavar="NAME")
LOG_OPTIONS = (
    flag("-f", "--follow", name="follow", help="show new lines until interrupted"),
    COMPONENT,
    number("--limit", name="lines", help="maximum number of lines (10000)"),
    text("--since", name="since", help="90s, 10m, 2h, 3d ago, or a date", metavar="WHEN"),
)
NOW = flag("--now", name="now", help="ask the nodes now, not show the last observation")
EVENT_LIMIT = number("--limit", name="limit", help="maximum number (20); 0: all")


def without(given: Arguments, *names: str) -> dict[str, Any]:
    """The arguments but these: what the runner function is given."""
    return {key: value for key, value in given.items() if key not in names}
