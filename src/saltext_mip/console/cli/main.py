"""The command ``mip``: its line is read, done, shown, and ended with a code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from saltext_mip.console.cli import node_commands, watch
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.parser import Misused, parse
from saltext_mip.console.cli.salt import CommandResult, Salt, config_dir, ignore, is_pusher
from saltext_mip.console.cli.terminal import Show
from saltext_mip.console.cli.views import described, nodes_only, of_node
from saltext_mip.errors import MipError

MISUSE = 2
INTERRUPTED = 130
OPTIONS = ("pusher", "quiet", "verbose", "no_color", "json", "config_dir")


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point; the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _open_all()
    try:
        return _main(words)
    except Misused as exc:
        usage = f"{exc.usage.rstrip()}\n" if exc.usage else ""
        stop = "" if str(exc).endswith("?") else "."
        print(f"{usage}mip: {exc}{stop} See mip --help.", file=sys.stderr)  # noqa: T201
        return MISUSE
    except MipError as exc:
        Show().error(str(exc))
        return exc.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read has enough; what is buffered must not be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _open_all() -> None:
    """Who closed an output (``>&-``) wants none, and nothing else may come to have its number."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w"))


def _main(words: list[str]) -> int:
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("-c", "--config-dir", dest="config_dir")
    first.add_argument("--pusher", action="store_true")
    known, _ = first.parse_known_args(words)
    folder = config_dir(known.config_dir)
    pusher = known.pusher or is_pusher(folder)
    action, given = parse(words, pusher=pusher)
    options = {name: given.pop(name) for name in OPTIONS if name in given}
    show = Show(
        json=options.get("json", False),
        quiet=options.get("quiet", False),
        colour=not options.get("no_color", False),
    )
    config = options.get("config_dir") or os.environ.get("SALT_CONFIG_DIR")
    verbose = options.get("verbose", 0)
    context = Context(
        show=show,
        action=action,
        salt=Salt(config, verbose, ignore if show.quiet else show.error),
        config=config,
        verbose=verbose,
        pusher=pusher,
    )
    return DOING[action.do](context, given)


def call(context: Context, given: Mapping[str, Any]) -> int:
    """Run the function of that name and show what it returned."""
    result = context.run(context.action.function, **given)
    return context.shown(context.action.function, result)


def consolidate(context: Context, given: Mapping[str, Any]) -> int:
    """As others; with ``--export-data-structure`` the structure is all of standard output."""
    rest = {key: value for key, value in given.items() if key not in ("export", "force")}
    if not given.get("export"):
        return call(context, rest)
    asks = bool(rest.get("review_dataset_labels"))
    result = context.run("consolidate", bar=not asks, **rest)
    if result.error is not None:
        return context.shown("consolidate", result)
    if not context.show.quiet:
        Show(colour=context.show.colour).value("consolidate", result.value, out=sys.stderr)
    federation = {"federation": given["federation"]} if "federation" in given else {}
    structure = context.run("export", **federation)
    code = context.shown("export", structure, json=True)
    return code or result.code


def nodes(context: Context, given: Mapping[str, Any]) -> int:
    """All, or the one that is named."""
    name = given.get("node")
    result = context.run("nodes", **{key: value for key, value in given.items() if key != "node"})
    if result.error is None and name is not None:
        only = context.node(result.value, name)
        result = CommandResult(
            result.code, {**result.value, "nodes": {only: result.value["nodes"][only]}}
        )
    return context.shown("nodes", result)


def describe(context: Context, given: Mapping[str, Any]) -> int:
    """What ``status`` says of the nodes, or of one."""
    name = given.get("node")
    result = context.run("status", **{key: value for key, value in given.items() if key != "node"})
    if result.error is not None:
        return context.shown("status", result)
    only = None if name is None else context.node(result.value, name)
    if context.show.json:
        value = result.value if only is None else of_node(result.value, only)
        return context.shown("status", CommandResult(result.code, value))
    if only is None:
        context.show.screen(context.show.text("status", nodes_only(result.value)))
    else:
        context.show.screen(described(result.value, only))
    return result.code


def diff(context: Context, given: Mapping[str, Any]) -> int:
    """0 the same, 1 different, 2 it could not be told."""
    result = context.run("diff", **given)
    context.shown("diff", result)
    if result.error is not None or result.code:
        return MISUSE
    return 0 if result.value["same"] else 1


def tmux(context: Context, given: Mapping[str, Any]) -> int:
    """Make the session, and on a terminal go there."""
    result = context.run("tmux", attach=False, **given)
    if (
        result.error is None
        and sys.stdin.isatty()
        and sys.stdout.isatty()
        and not context.show.json
    ):
        from saltext_mip.console.tmux.server import Tmux, inside

        argv = Tmux().attach_argv(result.value["federation"], inside=inside())
        become(argv)
    return context.shown("tmux", result)


def ssh(context: Context, given: Mapping[str, Any]) -> int:
    """This process becomes ssh."""
    result = context.run("nodes", **{key: value for key, value in given.items() if key != "node"})
    if result.error is not None:
        return context.shown("nodes", result)
    from saltext_mip.console.ssh import in_folder

    node = context.node(result.value, given["node"])
    login = context.login(result.value, node)
    return become(login.argv(in_folder(result.value["nodes"][node].get("data_path"))))


def become(argv: Sequence[str]) -> NoReturn:
    """This process becomes that program."""
    sys.stdout.flush()
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606 - a list, no shell
    except FileNotFoundError:
        raise MipError(f"{argv[0]} is not installed here.") from None


def check(context: Context, given: Mapping[str, Any]) -> int:
    """A folder or a file on this machine: no Salt, no rights but to read."""
    from saltext_mip.node import queries

    cde = Path(given["cde"]) if "cde" in given else None
    value = queries.check(Path(given["folder"]), cde, values=True)
    context.show.value("check", value)
    return 1 if value["refused"] or value["cde"] is None else 0


def codebook(context: Context, given: Mapping[str, Any]) -> int:
    """The text of a CDE's codebook or template, as a file to be written by ``>``."""
    which = "template" if given.get("template") else "codebook"
    arguments = {key: value for key, value in given.items() if key != "template"}
    if context.pusher:
        result = context.run("codebook", **arguments)
    elif Path(given["pathology"]).exists():
        from saltext_mip.node import queries

        separator = given.get("separator", "comma")
        cde = queries.cde_at(Path(given["pathology"]))
        result = CommandResult(0, queries.codebook(cde, separator=separator, folder=None))
    else:
        result = context.salt.call("mip.codebook", arguments)
    if result.error is not None or context.show.json:
        return context.shown("codebook", result)
    sys.stdout.write(result.value[which])
    return result.code


def completion(context: Context, given: Mapping[str, Any]) -> int:
    from saltext_mip.console.cli.completion import SHELLS

    sys.stdout.write(SHELLS[given["shell"]](pusher=context.pusher))
    return 0


def tasks(context: Context, given: Mapping[str, Any]) -> int:
    """The help of window 2; with ``--shell`` this process becomes the person's shell."""
    from saltext_mip.console.tmux.cheatsheet import TASKS, text

    if context.show.json:
        context.show.value("tasks", {"tasks": [{"what": what, "how": how} for what, how in TASKS]})
    else:
        context.show.screen(text(given.get("federation")))
    if given.get("shell"):
        become([os.environ.get("SHELL") or "/bin/sh"])
    return 0


def required(context: Context, _: Mapping[str, Any]) -> int:
    from saltext_mip.console.cli.doctor import looked

    return looked(context)


def versions(context: Context, _: Mapping[str, Any]) -> int:
    from saltext_mip.console.cli.doctor import versions as found

    context.show.value("version", found())
    return 0


DOING: Mapping[str, Callable[[Context, Mapping[str, Any]], int]] = {
    "call": call,
    "consolidate": consolidate,
    "nodes": nodes,
    "describe": describe,
    "diff": diff,
    "tmux": tmux,
    "ssh": ssh,
    "check": check,
    "codebook": codebook,
    "completion": completion,
    "tasks": tasks,
    "required": required,
    "versions": versions,
    "status": watch.status,
    "wait": watch.wait,
    "events": watch.events,
    "logs": watch.logs,
    "here status": node_commands.status,
    "here restart": node_commands.restart,
    "here pull": node_commands.pull,
    "here logs": node_commands.logs,
    "elsewhere": node_commands.elsewhere,
}
