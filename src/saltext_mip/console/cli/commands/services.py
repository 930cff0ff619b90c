"""``mip service``: deploy, start, stop, restart, remove, and the status of the federation."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from saltext_mip.console.cli import recorded
from saltext_mip.console.cli.action import (
    DRY_RUN,
    FORCE,
    NODE,
    NOW,
    Arguments,
    action,
    flag,
    number,
    text,
    without,
)
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.console.cli.terminal import pause, width
from saltext_mip.console.cli.views import of_node, only_problems
from saltext_mip.console.screens.text import Line, Screen, observed
from saltext_mip.errors import MipError, Misuse
from saltext_mip.results import to_json
from saltext_mip.storage import atomic
from saltext_mip.text import shown, size

GROUP = "Services"
INTERVAL = 10  # seconds between two observations of --watch
GENERATIONS = 20  # that a file of --html shows
OF_MIP = ("html", "interval", "node", "now", "only_problems", "watch")  # not the runner's
CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def status(context: Context, given: Arguments) -> int:
    """Once, or with ``--watch`` until interrupted."""
    interval = given.get("interval", INTERVAL)
    if interval < 1:
        raise Misuse("--interval takes a number of seconds, at least 1.")
    if (file := given.get("html")) is not None:
        return _write_page(context, given, Path(file))
    if given.get("watch"):
        _watch(context, given, interval)
    result = _status(context, given, bar=True)
    if result.error is not None or context.display.json:
        return context.finish("status", result)
    context.display.show(_screen(context, result, given))
    return result.code


def _write_page(context: Context, given: Arguments, path: Path) -> int:
    """The status as one HTML file, which replaces an existing one."""
    from saltext_mip.watch.page import render

    if given.get("watch") or given.get("only_problems") or context.display.json:
        raise Misuse("--html takes no --watch, --problems and --json.")
    result = context.run("status", **without(given, *OF_MIP))
    if result.error is not None:
        return context.finish("status", result)
    node = context.find_node(result.value, given["node"]) if "node" in given else ""
    history = context.run("history", federation=result.value.federation, limit=GENERATIONS)
    if history.error is not None:
        return context.finish("history", history)
    made = render.snapshot(result.value, history.value.generations, datetime.now(UTC), node=node)
    try:
        atomic.replace(path, made, mode=0o600)
    except OSError as error:
        raise MipError(f"{path} cannot be written: {error.strerror or error}.") from None
    name = shown(result.value.federation)
    context.display.line(f"{shown(str(path))}: federation {name}, {size(len(made))}")
    return result.code


def _watch(context: Context, given: Arguments, interval: int) -> None:
    """Ends by an exception only: an interrupt, or that nobody reads any more."""
    before: tuple[Line, ...] | None = None
    clears = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    while True:
        result = _status(context, given, bar=False)
        if context.display.json:
            failed = result.error is not None
            value = {"error": result.error} if failed else to_json("status", result.value)
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        else:
            screen = _screen(context, result, given)
            if clears:
                sys.stdout.write(CLEAR)
                context.display.show_page(screen)
            elif screen.lines != before:  # a pipe gets what is new
                context.display.show(screen)
            before = screen.lines
        sys.stdout.flush()
        pause(interval)


def _status(context: Context, given: Arguments, *, bar: bool) -> CommandResult:
    arguments = without(given, *OF_MIP)
    if bar:
        result = recorded.status(context, given) or context.run("status", **arguments)
    else:
        result = context.salt.run("status", arguments)
    if result.error is None and (name := given.get("node")) is not None:
        value = of_node(result.value, context.find_node(result.value, name))
        return CommandResult(result.code, value)
    return result


def _screen(context: Context, result: CommandResult, given: Arguments) -> Screen:
    if result.error is not None:
        screen = Screen(width())
        screen.block(result.error)
        return screen
    if given.get("only_problems"):
        at = observed(result.value.observed_at) or f"{datetime.now(UTC):%H:%M} UTC"
        return only_problems(result.value, at)
    return context.display.screen("status", result.value)


ACTIONS = (
    *(
        one
        for verb, what in (
            ("deploy", "create Swarm, network and services, and wait until they serve"),
            ("start", "start services, all or those of one node"),
            ("stop", "stop services; they remain stopped until a start"),
            ("restart", "restart services, one worker at a time"),
            ("remove", "remove services"),
        )
        for one in action(
            f"service {verb}",
            verb,
            function=verb,
            help=what,
            group=GROUP,
            takes=DRY_RUN | NODE | FORCE,
        )
    ),
    *action(
        "service status",
        "status",
        function="status",
        help="compare what runs with what is declared; show problems first",
        group=GROUP,
        takes=NODE,
        options=(
            flag("-w", "--watch", name="watch", help="update it until interrupted"),
            number(
                "--interval",
                name="interval",
                help="time between two updates of --watch (10)",
                metavar="SECONDS",
            ),
            NOW,
            flag("--problems", name="only_problems", help="show problems only"),
            flag("--check", name="check", help="exit with 1 unless the federation is healthy"),
            text(
                "--html",
                name="html",
                help="write it to an HTML file without scripts, such as for a mail",
                metavar="FILE",
            ),
        ),
        handler=status,
    ),
)
