"""Actions that look more than once: ``status -w``, ``wait``, ``events -w``, ``logs -f``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from saltext_mip.conditions import TYPES
from saltext_mip.console.cli import follow
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.console.cli.terminal import pause, width
from saltext_mip.console.cli.views import of_node, only_problems
from saltext_mip.console.colours import COLOURS
from saltext_mip.console.screens.events import lines
from saltext_mip.console.screens.text import Screen
from saltext_mip.errors import Misuse
from saltext_mip.generations.event_log import EventLog
from saltext_mip.text import shown

EVERY = 10  # seconds between two looks
MOMENT = 0.5  # seconds between two looks at a file
CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def status(context: Context, given: Mapping[str, Any]) -> int:
    """Once, or again and again until interrupted."""
    ours = ("watch", "interval", "only_problems", "node")
    rest = {key: value for key, value in given.items() if key not in ours}
    interval = given.get("interval", EVERY)
    if interval < 1:
        raise Misuse("--interval takes a number of seconds from 1 on.")
    before = None
    while True:
        watched = given.get("watch", False)
        result = _quietly(context, "status", rest) if watched else context.run("status", **rest)
        if result.error is None and (name := given.get("node")) is not None:
            result = CommandResult(
                result.code, of_node(result.value, context.node(result.value, name))
            )
        if watched and context.show.json:
            _document(result)
            pause(interval)
            continue
        text = _text(context, result, problems=given.get("only_problems", False))
        if not watched:
            return _once(context, result, text)
        clears = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        if clears:
            sys.stdout.write(CLEAR)
        if clears or text != before:  # in a pipe: what is new
            context.show.screen(text)
        sys.stdout.flush()
        before = text
        pause(interval)


def _document(result: CommandResult) -> None:
    """A look as one line for a program."""
    value = {"error": result.error} if result.error is not None else result.value
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _once(context: Context, result: CommandResult, text: str) -> int:
    if result.error is not None or context.show.json:
        return context.shown("status", result)
    context.show.screen(text)
    return result.code


def _text(context: Context, result: CommandResult, *, problems: bool) -> str:
    if result.error is not None:
        return "\n".join(map(shown, result.error.splitlines()))
    if problems:
        return only_problems(result.value, f"{datetime.now(UTC):%H:%M} UTC")
    return context.show.text("status", result.value)


def wait(context: Context, given: Mapping[str, Any]) -> int:
    """0 when the condition is met; 1 when it is not in time."""
    name, _, wanted = given["condition"].partition("=")
    wanted = (wanted or "True").capitalize()
    name = next((each for each in TYPES if each.lower() == name.lower()), name)
    if name not in TYPES or wanted not in ("True", "False", "Unknown"):
        raise Misuse(f"--for takes a condition, such as Ready or Held=False: {', '.join(TYPES)}.")
    rest = {key: given[key] for key in ("federation",) if key in given}
    until = time.monotonic() + given.get("timeout", 300)
    with context.show.progress(f"waiting for {name}={wanted}") as progress:
        while True:
            result = _quietly(context, "status", rest)
            if result.error is not None:
                return context.shown("status", result)
            found = _condition(result.value, name)
            if (found or {"status": "False"})["status"] == wanted:
                context.show.value("wait", {"condition": name, "status": wanted, "met": True})
                return 0
            if found:
                progress(f"{found['status']}, {found['reason']}")
            if time.monotonic() >= until:
                why = f": {found['reason']}. {found['message']}" if found else ""
                context.show.error(f"{name} is not {wanted} after the time that was given{why}")
                return 1
            time.sleep(2)


def _condition(value: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found = (each for each in value["conditions"] if each["type"] == name)
    return next(found, None)


def events(context: Context, given: Mapping[str, Any]) -> int:
    """The last events, and with ``--watch`` those to come, until interrupted.

    They are read from the pusher's own record: on the event bus any minion could forge one.
    """
    rest = {key: value for key, value in given.items() if key != "watch"}
    result = context.run("events", **rest)
    if result.error is not None or not given.get("watch"):
        return context.shown("events", result)
    record = EventLog(Path(result.value["record"]).parent)
    last = max((each["number"] for each in result.value["events"]), default=0)
    _show(context, result.value["events"])
    while True:
        came = record.events(after=last)
        if came:
            last = came[-1].number
            _show(context, [asdict(event) for event in came])
        pause(MOMENT)


def _show(context: Context, found: Sequence[Mapping[str, Any]]) -> None:
    """One line each, or one JSON document a line."""
    if context.show.json:
        for event in found:
            sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    elif found:
        screen = Screen(width(), COLOURS)
        lines(screen, found)
        context.show.screen(str(screen))
    sys.stdout.flush()


def logs(context: Context, given: Mapping[str, Any]) -> int:
    """The last lines; with ``--follow`` also those to come, over ssh."""
    rest = {key: value for key, value in given.items() if key != "follow"}
    if not given.get("follow"):
        return context.shown("logs", context.run("logs", **rest))
    federation = {key: given[key] for key in ("federation",) if key in given}
    result = context.run("nodes", **federation)
    if result.error is not None:
        return context.shown("nodes", result)
    nodes = result.value["nodes"]
    if "node" in given:
        chosen = [context.node(result.value, given["node"])]
    else:
        chosen = [node for node, facts in nodes.items() if facts["enabled"]]
    logins = {nodes[node]["short"]: context.login(result.value, node) for node in chosen}
    roles = {nodes[node]["short"]: nodes[node]["role"] for node in chosen}
    return follow.follow(
        logins,
        roles,
        component=given.get("component"),
        lines=given.get("lines", 10_000 if len(chosen) == 1 else 100),
        since=given.get("since"),
        say=context.show.screen,
    )


def _quietly(context: Context, function: str, arguments: Mapping[str, Any]) -> CommandResult:
    """Without a bar: it would flicker."""
    return context.salt.run(function, arguments)
