"""Every action of the command ``mip`` on the pusher, as data: words, what it calls, what it takes.

The parser, the help, the completion and the manual's table are made of these. An action calls a
function of the runner ``mip`` by name, with options as its arguments; ``do`` names those of ours
that do more than to call one and show what it returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Option:
    """An argument of an action; ``flags`` without a dash: a word in its place.

    ``name`` is the runner's argument. ``more`` goes to argparse.
    """

    flags: tuple[str, ...]
    name: str
    help: str
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Action:
    """``words`` say it; ``takes``: which of the common options it has a use for."""

    words: tuple[str, ...]
    function: str
    help: str
    takes: frozenset[str] = frozenset()
    options: tuple[Option, ...] = ()
    group: str = ""
    do: str = "call"
    fixed: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        return " ".join(self.words)


def flag(*flags: str, name: str, help: str) -> Option:  # noqa: A002 - argparse's word
    return Option(flags, name, help, {"action": "store_true"})


def number(*flags: str, name: str, help: str, metavar: str = "N") -> Option:  # noqa: A002
    return Option(flags, name, help, {"type": int, "metavar": metavar})


def text(*flags: str, name: str, help: str, metavar: str, **more: Any) -> Option:  # noqa: A002
    return Option(flags, name, help, {"metavar": metavar, **more})


DRY = frozenset({"dry_run", "timeout"})
NODE = frozenset({"node"})
FORCE = frozenset({"force"})
ANY = frozenset({"any federation"})  # it is about this machine

OPTIONAL: Mapping[str, Any] = {"nargs": "?", "default": None}

_CONSOLIDATE = (
    flag(
        "--review-dataset-labels",
        name="review_dataset_labels",
        help="ask for the label of each pathology and dataset",
    ),
    flag("--online-cdes", name="online_cdes", help="take the CDEs from the data catalogue"),
    Option(
        ("--datacatalogue-protocol",),
        "datacatalogue_protocol",
        "another catalogue than the pillar's",
        {"choices": ("http", "https")},
    ),
    text(
        "--datacatalogue-host",
        name="datacatalogue_host",
        help="its host, or host:port",
        metavar="HOST",
    ),
    Option(
        ("--missing-worker",),
        "missing_worker",
        "when a worker does not answer: end, go on without it, or with what it had",
        {"choices": ("fail", "skip", "keep")},
    ),
    flag("--strict", name="strict", help="make any problem an error"),
    flag(
        "--export-data-structure",
        name="export",
        help="write the data structure (JSON) to standard output, all else to standard error",
    ),
)
_COMPILE = (flag("--strict", name="strict", help="warnings keep a file out too"),)
_STATUS = (
    flag("-w", "--watch", name="watch", help="go on showing it"),
    number(
        "--interval",
        name="interval",
        help="seconds between two looks of --watch (10)",
        metavar="SECONDS",
    ),
    flag("--problems", name="only_problems", help="only what is wrong"),
    flag("--check", name="check", help="exit with 1 where not all is well"),
)
_REASON = text("--reason", name="reason", help="why, for whoever looks later", metavar="TEXT")
_HISTORY = (
    text(
        "--dataset",
        name="dataset",
        help="only generations in which this dataset came, went or changed",
        metavar="CODE",
    ),
    number("--limit", name="limit", help="how many (20); 0: all"),
)
_LOGS = (
    flag("-f", "--follow", name="follow", help="go on showing lines as they come"),
    text("--component", name="component", help="such as exareme, frontend", metavar="C"),
    number("--limit", name="lines", help="how many lines at the most (10000)"),
    text("--since", name="since", help="90s, 10m, 2h, 3d ago, or a date", metavar="WHEN"),
)

_CODEBOOK = (
    text("pathology", name="pathology", help="the pathology", metavar="PATHOLOGY"),
    flag("--template", name="template", help="an empty file with the header instead"),
    Option(
        ("--separator",),
        "separator",
        "of the codebook: semicolon for Excel in most of Europe",
        {"choices": ("comma", "semicolon", "tab")},
    ),
)

D, S, N, F, G, C, P = (
    "Data",
    "Services",
    "Nodes",
    "The federation by itself",
    "Generations",
    "Watching",
    "This pusher",
)


def _two(words: str, short: str | None = None, **facts: Any) -> tuple[Action, ...]:
    """An action by its old words, and by its short name where it has one."""
    old = Action(words=tuple(words.split()), **facts)
    return (old, Action(words=(short,), **facts)) if short else (old,)


ACTIONS: tuple[Action, ...] = (
    *_two(
        "data consolidate",
        "consolidate",
        function="consolidate",
        help="gather what data is where, edit the CDEs, distribute",
        takes=DRY | FORCE,
        options=_CONSOLIDATE,
        group=D,
        do="consolidate",
    ),
    *_two(
        "data compile",
        "compile",
        function="compile",
        help="CSV files and CDEs to the engine's databases",
        takes=DRY | NODE | FORCE | {"pathology"},
        options=_COMPILE,
        group=D,
    ),
    Action(("export",), "export", "the data structure as last consolidated", group=D),
    *_two(
        "data codebook",
        "codebook",
        function="codebook",
        help="a CDE as a table for a spreadsheet, on standard output",
        takes=frozenset({"pathology"}),
        options=_CODEBOOK,
        group=D,
        do="codebook",
    ),
    Action(
        ("check",),
        "",
        "every problem of a folder of CSV files, or of one file",
        options=(
            text("folder", name="folder", help="the folder, or the file", metavar="FOLDER"),
            text("--cde", name="cde", help="a CDE of another place", metavar="FILE"),
        ),
        group=D,
        do="check",
    ),
    *(
        action
        for verb, what, more in (
            ("deploy", "bring up Swarm, network and services, and wait until they serve", DRY),
            ("start", "start services, all or one node's", DRY),
            ("stop", "stop them; they stay stopped until a start", DRY),
            ("restart", "replace their tasks, one worker at a time", DRY),
            ("remove", "take services away", DRY),
        )
        for action in _two(
            f"service {verb}",
            verb,
            function=verb,
            help=what,
            takes=more | NODE | FORCE,
            group=S,
        )
    ),
    *_two(
        "service status",
        "status",
        function="status",
        help="what is, against what is declared; what is wrong comes first",
        options=_STATUS,
        takes=NODE,
        group=S,
        do="status",
    ),
    *_two(
        "node list",
        "nodes",
        function="nodes",
        help="the nodes, as last seen",
        takes=NODE,
        group=N,
        do="nodes",
    ),
    Action(
        ("node", "status"),
        "status",
        "the nodes and what is wrong with them",
        takes=NODE,
        group=N,
        do="describe",
    ),
    Action(
        ("node", "check"),
        "check_nodes",
        "ask each node, or one, whether it is there; take its ssh host keys",
        takes=NODE,
        group=N,
    ),
    Action(
        ("node", "enable"),
        "enable",
        "take a node into the federation's work",
        takes=DRY | NODE | {"needs node"},
        group=N,
    ),
    Action(
        ("node", "disable"),
        "disable",
        "take a node out of the federation's work",
        takes=DRY | NODE | {"needs node"},
        options=(_REASON,),
        group=N,
    ),
    Action(
        ("describe",),
        "status",
        "all about one node: state, services, data, problems",
        takes=NODE | {"needs node"},
        options=(text("name", name="name", help="the node", metavar="NODE", **OPTIONAL),),
        group=N,
        do="describe",
    ),
    Action(
        ("ssh",),
        "nodes",
        "a shell on a node, in its data folder",
        takes=NODE | {"needs node"},
        options=(text("name", name="name", help="the node", metavar="NODE", **OPTIONAL),),
        group=N,
        do="ssh",
    ),
    Action(
        ("refresh",),
        "refresh",
        "consolidate, compile, restart what must see it, until it is served",
        takes=DRY,
        options=(
            Option(
                ("--wait", "--no-wait"),
                "wait",
                "wait until it is done (the default), or leave a request and return",
                {"action": "wait"},
            ),
        ),
        group=F,
    ),
    Action(("wake",), "wake", "have the controller look again", group=F),
    Action(
        ("suspend",),
        "suspend",
        "nothing automatic until resume",
        options=(
            _REASON,
            text("--for", name="duration", help="such as 2h; then on again", metavar="TIME"),
        ),
        group=F,
    ),
    Action(("resume",), "resume", "automatic again", group=F),
    Action(("approve",), "approve", "let a held refresh go", group=F),
    Action(
        ("wait",),
        "status",
        "until a condition is met",
        takes=frozenset({"timeout"}),
        options=(
            text(
                "--for",
                name="condition",
                help="Ready, or another condition; Held=False",
                metavar="CONDITION",
                default="Ready",
            ),
        ),
        group=F,
        do="wait",
    ),
    Action(
        ("sync-roles",),
        "sync_roles",
        "Keycloak's roles and groups from the data structure",
        takes=DRY,
        options=(
            flag("--prune", name="prune", help="remove groups that match nothing any more"),
            text(
                "--copy-from",
                name="copy_from",
                help="add the members of another client's groups",
                metavar="CLIENT",
            ),
        ),
        group=F,
    ),
    Action(("history",), "history", "generations, the newest first", options=_HISTORY, group=G),
    Action(
        ("diff",),
        "diff",
        "compare generations; without a number the last with what is now",
        options=(
            Option(("a",), "a", "a generation", {"type": int, "metavar": "A", **OPTIONAL}),
            Option(("b",), "b", "another", {"type": int, "metavar": "B", **OPTIONAL}),
        ),
        group=G,
        do="diff",
    ),
    Action(
        ("rollback",),
        "rollback",
        "put a generation back, and suspend",
        takes=DRY,
        options=(
            Option(
                ("generation",),
                "generation",
                "its number; left out: the one before the last",
                {"type": int, "metavar": "N", **OPTIONAL},
            ),
        ),
        group=G,
    ),
    *(
        Action(words, "history", "the generations that can be restored", group=G)
        for words in (("backup",), ("backup", "list"))
    ),
    Action(
        ("backup", "show"),
        "diff",
        "what a generation has that is other than now",
        options=(Option(("a",), "a", "its number", {"type": int, "metavar": "N"}),),
        group=G,
    ),
    Action(
        ("restore",),
        "rollback",
        "as rollback",
        takes=DRY | FORCE,
        options=(
            Option(
                ("--backup-file",),
                "generation",
                "the generation's number",
                {"type": int, "metavar": "N", "required": True},
            ),
        ),
        group=G,
    ),
    Action(
        ("tmux",),
        "tmux",
        "the session: a shell on every node, all logs",
        takes=FORCE,
        group=C,
        do="tmux",
    ),
    Action(
        ("logs",),
        "logs",
        "a node's log, or all nodes' merged by time",
        takes=NODE,
        options=_LOGS,
        group=C,
        do="logs",
    ),
    Action(
        ("events",),
        "events",
        "what happened last, and what people said; with -w what happens",
        options=(
            flag("-w", "--watch", name="watch", help="go on showing events as they come"),
            number("--limit", name="limit", help="how many (20); 0: all"),
        ),
        group=C,
        do="events",
    ),
    Action(
        ("tasks",),
        "",
        "the commands for the main tasks, short",
        options=(flag("--shell", name="shell", help="and a shell after them"),),
        group=C,
        do="tasks",
    ),
    Action(("setup",), "setup", "configure this pusher", takes=ANY | {"dry_run"}, group=P),
    Action(("check-required",), "", "whether all that is needed is here", group=P, do="required"),
    Action(("version", "list"), "", "versions of what runs here", group=P, do="versions"),
    Action(
        ("completion",),
        "",
        "completion for a shell: source <(mip completion bash)",
        options=(Option(("shell",), "shell", "the shell", {"choices": ("bash", "zsh")}),),
        group=P,
        do="completion",
    ),
)

_COMPONENT = text(
    "--component", name="component", help="such as exareme; default: all here", metavar="C"
)
H, T = "Services here", "Data here"

# on a node: what concerns it alone
NODE_ACTIONS: tuple[Action, ...] = (
    Action(("status",), "", "the services here", options=(_COMPONENT,), group=H, do="here status"),
    Action(("start",), "", "names the pusher's command", group=H, do="elsewhere"),
    Action(("stop",), "", "names the pusher's command", group=H, do="elsewhere"),
    Action(
        ("restart",),
        "",
        "restart the containers of this node's services",
        options=(_COMPONENT,),
        group=H,
        do="here restart",
    ),
    Action(
        ("pull",),
        "",
        "fetch the images of the services here",
        options=(_COMPONENT,),
        group=H,
        do="here pull",
    ),
    Action(("logs",), "", "a component's log", options=_LOGS, group=H, do="here logs"),
    Action(
        ("check",),
        "check",
        "every problem of a folder of CSV files, or of one file",
        options=next(action.options for action in ACTIONS if action.words == ("check",)),
        group=T,
        do="check",
    ),
    Action(
        ("codebook",),
        "codebook",
        "a CDE as a table for a spreadsheet, on standard output",
        takes=frozenset({"pathology"}),
        options=_CODEBOOK,
        group=T,
        do="codebook",
    ),
    *(action for action in ACTIONS if action.words in (("completion",), ("version", "list"))),
)
