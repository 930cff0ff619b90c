"""What a command returned, as one screen: problems first, then what there is and what was done.

:func:`render` is pure: the same value, width and colours give the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from saltext_mip.console.screens import logs
from saltext_mip.console.screens.check import check, codebook, is_check
from saltext_mip.console.screens.consolidate import consolidate, export
from saltext_mip.console.screens.events import events
from saltext_mip.console.screens.fallback import key_values
from saltext_mip.console.screens.generations import diff, history, rollback
from saltext_mip.console.screens.nodes import compiled, nodes
from saltext_mip.console.screens.plan import setup
from saltext_mip.console.screens.problems import problem_list
from saltext_mip.console.screens.refresh import controlled, refresh
from saltext_mip.console.screens.roles import sync_roles
from saltext_mip.console.screens.services import service_changes, status
from saltext_mip.console.screens.text import Screen

SCREENS: Mapping[str, Callable[[Screen, Any], None]] = {
    "consolidate": consolidate,
    "compile": compiled,
    "nodes": nodes,
    "check_nodes": nodes,
    "enable": nodes,
    "disable": nodes,
    "history": history,
    "events": events,
    "diff": diff,
    "rollback": rollback,
    "setup": setup,
    "deploy": service_changes,
    "start": service_changes,
    "stop": service_changes,
    "restart": service_changes,
    "remove": service_changes,
    "status": status,
    "refresh": refresh,
    "wake": controlled,
    "suspend": controlled,
    "resume": controlled,
    "approve": controlled,
    "sync_roles": sync_roles,
    "tmux": logs.tmux,
    "logs": logs.logs,
    "codebook": codebook,
    "check-required": logs.needs,
    "version": logs.version,
    "here": logs.here,
}


def render(
    command: str | None,
    value: Any,
    *,
    width: int = 80,
    colour: Mapping[str, object] | None = None,
) -> str:
    """The screen of ``value``, which the runner function ``command`` returned.

    ``colour`` maps Salt's names of colours to the sequences that make them; none: plain text. What
    has no screen of its own (``command`` is none or unknown) is shown as keys and values.
    """
    screen = Screen(width, colour)
    if command == "export":
        export(screen, value)
    elif command == "check" and is_check(value):
        check(screen, value)
    elif command is not None and command in SCREENS and isinstance(value, Mapping):
        if federation := value.get("federation"):
            screen.title(_title(command, value), f"federation {federation}")
        if value.get("error"):
            screen.text(str(value["error"]), style="bad")
        problem_list(screen, _problems(command, value), federation=value.get("federation", ""))
        for note in value.get("notes") or ():
            screen.gap()
            screen.text(note, style="warn")
        SCREENS[command](screen, value)
    else:
        key_values(screen, value)
    return str(screen)


def _title(command: str, value: Mapping[str, Any]) -> str:
    if command == "diff":
        return f"what differs from {value['a'] or 'nothing'} to {value['b']}"
    return f"{command}, dry run" if value.get("dry_run") else command.replace("_", " ")


def _problems(command: str, value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All problems of a return: the federation's, and those of the databases that it compiled."""
    found = list(value.get("problems") or ())
    databases = value["nodes"] if command == "compile" else value.get("compile")
    if databases:
        for node, pathologies in databases.items():
            for name, each in pathologies.items():
                place = {"node": node, "pathology": name}
                found += [{**problem, **place} for problem in each.get("problems") or ()]
    return found
