"""The tmux session, logs, events, and the list of tasks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import to_builtins

from saltext_mip.console.cli import recorded
from saltext_mip.console.cli.action import (
    EVENT_LIMIT,
    FORCE,
    LOG_OPTIONS,
    NODE,
    ONE_NODE,
    Arguments,
    action,
    flag,
    text,
    without,
)
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.console.cli.terminal import exec_program, pause, width
from saltext_mip.console.screens.events import lines
from saltext_mip.console.screens.text import Screen
from saltext_mip.generations.event_log import EventLog
from saltext_mip.results import Event, EventsResult, NodesResult, Task, TasksResult, value_or

GROUP = "Watching"
POLL = 0.5  # seconds between two reads of the event log


def tmux(context: Context, given: Arguments) -> int:
    """Create the session, and on a terminal attach to it.

    The session is made by this process: the runner's may be one of the Salt master's user.
    """
    from saltext_mip.console.tmux import open as tmux_open
    from saltext_mip.console.tmux import operator
    from saltext_mip.console.tmux.server import Tmux

    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not context.display.json
    who = operator.here(terminal=terminal)
    server = Tmux()
    result = context.run("nodes", host_keys=True, **without(given, "force"))
    if result.error is not None:
        return context.finish("nodes", result)
    config = str(Path(context.config).absolute()) if context.config else None
    force = bool(given.get("force"))
    made = tmux_open.session(result.value, server, who, config=config, force=force)
    if terminal:
        exec_program(made.attach)
    return context.finish("tmux", CommandResult(0, made.value))


def logs(context: Context, given: Arguments) -> int:
    """The last lines; with ``--follow`` also new ones, over ssh."""
    if not given.get("follow"):
        return context.finish("logs", context.run("logs", **without(given, "follow")))
    federation = {key: given[key] for key in ("federation",) if key in given}
    result = context.run("nodes", host_keys=given.get("node", True), **federation)
    if result.error is not None:
        return context.finish("nodes", result)
    from saltext_mip.console.cli import follow

    found: NodesResult = result.value
    for note in value_or(found.notes, []):
        context.display.error(note)
    nodes = found.nodes
    if "node" in given:
        chosen = [context.find_node(found, given["node"])]
    else:
        chosen = [node for node, facts in nodes.items() if facts.enabled]
    return follow.follow(
        {nodes[node].short: context.login(found, node) for node in chosen},
        {nodes[node].short: nodes[node].role for node in chosen},
        component=given.get("component"),
        lines=given.get("lines", 10_000 if len(chosen) == 1 else 100),
        since=given.get("since"),
        write=context.display.line,
    )


def events(context: Context, given: Arguments) -> int:
    """The last events, and with ``--watch`` new ones until interrupted.

    They are read from the pusher's event log: on Salt's event bus any minion could forge one.
    """
    arguments = without(given, "watch")
    result = recorded.listed(context, "events", arguments) or context.run("events", **arguments)
    if result.error is not None or not given.get("watch"):
        return context.finish("events", result)
    found: EventsResult = result.value
    log = EventLog(Path(value_or(found.record, "")).parent)
    last = max((each.number for each in found.events), default=0)
    _write_events(context, found.events)
    while True:
        new = log.events(after=last)
        if new:
            last = new[-1].number
            _write_events(context, new)
        pause(POLL)


def notify_test(context: Context, given: Arguments) -> int:
    """Send a test message."""
    return context.finish("notify", context.run("notify", test=True, **given))


def _write_events(context: Context, found: Sequence[Event]) -> None:
    """One line each, or one JSON document a line."""
    if context.display.json:
        for event in found:
            sys.stdout.write(json.dumps(to_builtins(event), ensure_ascii=False) + "\n")
    elif found:
        screen = Screen(width())
        lines(screen, found)
        context.display.show(screen)
    sys.stdout.flush()


def tasks(context: Context, given: Arguments) -> int:
    """The text of window 2; with ``--shell`` the operator's shell replaces this process."""
    from saltext_mip.console.tmux.cheatsheet import KEYS, TASKS

    if context.display.json:
        context.display.value("tasks", TasksResult(tasks=[Task(what=w, how=h) for w, h in TASKS]))
    else:
        screen = Screen(width())
        screen.title(f"{given.get('federation', 'mip')}: mip --help lists all actions")
        screen.table(TASKS, indent=2)
        screen.block(KEYS)
        context.display.show(screen)
    if given.get("shell"):
        exec_program([os.environ.get("SHELL") or "/bin/sh"])
    return 0


ACTIONS = (
    *action(
        "tmux",
        function="tmux",
        help="open the session: a shell on each node, and all logs",
        group=GROUP,
        takes=FORCE,
        handler=tmux,
    ),
    *action(
        "logs",
        function="logs",
        help="show a node's log, or all nodes' logs merged by time",
        group=GROUP,
        takes=NODE,
        options=LOG_OPTIONS,
        handler=logs,
    ),
    *action(
        "events",
        function="events",
        help="show recent events and operator actions",
        group=GROUP,
        options=(
            flag("-w", "--watch", name="watch", help="show new events until interrupted"),
            EVENT_LIMIT,
        ),
        handler=events,
    ),
    *action(
        "notify list",
        function="notify",
        help="list the channels of notices, and what was delivered",
        group=GROUP,
    ),
    *action(
        "notify test",
        function="notify",
        help="send a test message to the channels of notices",
        group=GROUP,
        options=(text("--channel", name="channel", help="only to this channel", metavar="NAME"),),
        handler=notify_test,
    ),
    *action(
        "page",
        function="page",
        help="show how to reach the status page",
        group=GROUP,
    ),
    *action(
        "page link",
        function="page",
        help="make a signed link to one hospital's part of the status page",
        group=GROUP,
        takes=ONE_NODE,
        options=(
            text(
                "--for",
                name="duration",
                help="how long it is valid, such as 12h (30d)",
                metavar="DURATION",
            ),
        ),
    ),
    *action(
        "tasks",
        help="list the commands for the main tasks",
        group=GROUP,
        options=(flag("--shell", name="shell", help="open a shell after the list"),),
        handler=tasks,
    ),
)
