"""What a command returned, as one screen: problems first, then what there is and what was done.

:func:`render` is pure: the same value and width give the same screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET, structs

from saltext_mip.console.screens import logs
from saltext_mip.console.screens.check import check, codebook
from saltext_mip.console.screens.consolidate import consolidate, export
from saltext_mip.console.screens.events import events
from saltext_mip.console.screens.fallback import key_values
from saltext_mip.console.screens.generations import clean, diff, history, rollback, show
from saltext_mip.console.screens.nodes import compiled, membership, nodes
from saltext_mip.console.screens.notify import notify
from saltext_mip.console.screens.page import page
from saltext_mip.console.screens.plan import setup
from saltext_mip.console.screens.problems import problem_list
from saltext_mip.console.screens.refresh import controlled, decided, refresh
from saltext_mip.console.screens.roles import sync_roles
from saltext_mip.console.screens.services import service_changes, status
from saltext_mip.console.screens.text import Screen, observed
from saltext_mip.results import (
    CompileResult,
    Databases,
    DecisionResult,
    DiffResult,
    RefreshResult,
    ReportedProblem,
    Result,
    RollbackResult,
    StatusResult,
    value_or,
)

# of what the runner's functions return, and of what else the command mip shows
SCREENS: Mapping[str, Callable[[Screen, Any], None]] = {
    "consolidate": consolidate,
    "compile": compiled,
    "nodes": nodes,
    "check_nodes": nodes,
    "enable": membership,
    "disable": membership,
    "drain": membership,
    "undrain": membership,
    "history": history,
    "events": events,
    "notify": notify,
    "page": page,
    "diff": diff,
    "rollback": rollback,
    "show": show,
    "clean": clean,
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
    "approve": decided,
    "reject": decided,
    "sync_roles": sync_roles,
    "tmux": logs.tmux,
    "logs": logs.logs,
    "codebook": codebook,
}
LOCAL_SCREENS: Mapping[str, Callable[[Screen, Any], None]] = {
    "check": check,
    "export": export,
    "check-required": logs.requirements,
    "version": logs.version,
    "here": logs.here,
    "wait": logs.wait,
}


def render(command: str | None, value: Any, *, width: int = 80) -> Screen:
    """The screen of ``value``, which ``command`` returned: of its type in ``results``.

    What has no screen of its own (``command`` is none or unknown) is shown as keys and values.
    """
    screen = Screen(width)
    if command is None:
        key_values(screen, value)
    elif command in LOCAL_SCREENS:
        LOCAL_SCREENS[command](screen, value)
    elif command in SCREENS:
        federation = _fact(value, "federation", "")
        if federation:
            at = value.observed_at if isinstance(value, StatusResult) else ""
            note = ", ".join(filter(None, (f"federation {federation}", observed(at))))
            screen.title(_title(command, value), note)
        inner = value.refresh if isinstance(value, DecisionResult) and value.refresh else value
        problem_list(screen, _problems(inner), federation=federation, in_use=_in_use(inner))
        for note in _fact(inner, "notes", ()):
            screen.gap()
            screen.outcome(note, style="warn")
        SCREENS[command](screen, value)
    else:
        key_values(screen, value)
    return screen


def _fact(value: Result, name: str, default: Any) -> Any:
    """A fact that most results have; the default where it is not set, or not of this type."""
    return value_or(getattr(value, name, UNSET), default)


def _title(command: str, value: Result) -> str:
    if isinstance(value, DiffResult):
        return f"differences from {value.a or 'nothing'} to {value.b}"
    return f"{command}, dry run" if _fact(value, "dry_run", False) else command.replace("_", " ")


def _databases(value: Result) -> Databases:
    match value:
        case CompileResult():
            return value.nodes
        case RefreshResult() | RollbackResult():
            return value_or(value.compile, {})
        case _:
            return {}


def _in_use(value: Result) -> set[tuple[str, str, str]]:
    """The refused files of which databases have the previous version."""
    return {
        (node, name, file)
        for node, pathologies in _databases(value).items()
        for name, each in pathologies.items()
        for file, state in value_or(each.files, {}).items()
        if state == "kept"
    }


def _problems(value: Result) -> list[ReportedProblem]:
    """All problems of a return: the federation's, and those of the databases that it compiled.

    What the inventory and the compiler found at the same place is one problem.
    """
    found = list(_fact(value, "problems", ()))
    known = {(each.rule, each.node, each.pathology, each.file, each.column) for each in found}
    for node, pathologies in _databases(value).items():
        for name, each in pathologies.items():
            placed = [structs.replace(of, node=node, pathology=name) for of in each.problems]
            found += [
                of
                for of in placed
                if (of.rule, of.node, of.pathology, of.file, of.column) not in known
            ]
    return found
