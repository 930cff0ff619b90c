"""The screens of ``nodes``, ``check_nodes``, ``enable``, ``disable`` and ``compile``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.text import Screen, number
from saltext_mip.text import when

COMPILED_STYLES = {"compiled": "good", "current": "plain", "failed": "bad"}


def nodes(screen: Screen, value: Mapping[str, Any]) -> None:
    """One line a node; of ``enable`` and ``disable`` also what was done, or would be."""
    screen.gap()
    screen.table(
        [
            (each["short"], node, each["role"], each["address"], _state(each))
            for node, each in value["nodes"].items()
        ],
        styles=[_style(each) for each in value["nodes"].values()],
    )
    if value.get("dry_run"):
        plan(screen, value["plan"])
    elif "changed" in value:
        screen.gap()
        if not value["changed"]:
            screen.text("Nothing changed.", style="good")
        for item in value["plan"] if value["changed"] else ():
            screen.text(f"{item['action']} {item['thing']}: {item['reason']}", hang=2)


def _style(each: Mapping[str, Any]) -> str:
    if not each["enabled"]:
        return "warn"
    return "bad" if each["up"] is False else "plain"


def _state(each: Mapping[str, Any]) -> str:
    since = f" since {when(each['since'])}" if each.get("since") else ""
    state = {True: "up", False: "does not answer", None: "not asked yet"}[each["up"]] + since
    if each.get("reason"):
        state += f" ({each['reason']})"
    if each["enabled"]:
        return state
    why = each.get("disabled") or {}
    by = f" by {why['actor']}" if why.get("actor") else ""
    reason = f": {why['reason']}" if why.get("reason") else ""
    return f"disabled{by}{reason}; {state}"


def compiled(screen: Screen, value: Mapping[str, Any]) -> None:
    """One line a node and pathology; below it all, whether any database was compiled."""
    for node, pathologies in value["nodes"].items():
        screen.gap()
        screen.title(node)
        rows = []
        for name, each in pathologies.items():
            rows.append((name, each["status"], _made(each)))
        styles = [COMPILED_STYLES.get(each["status"], "bad") for each in pathologies.values()]
        screen.table(rows, indent=2, styles=styles)
        if not rows:
            screen.text("no pathologies", indent=2)
    if value.get("dry_run"):
        plan(screen, value["plan"])
        return
    screen.gap()
    states = [each["status"] for found in value["nodes"].values() for each in found.values()]
    if failed := states.count("failed"):
        screen.text(
            f"{number(failed, 'database')} failed: bad files are served as they were when they were"
            " last good, or left out.",
            style="bad",
        )
    elif made := states.count("compiled"):
        screen.text(f"{number(made, 'database')} compiled.", style="good")
    else:
        screen.text("Nothing changed: all databases are current.", style="good")


def _made(each: Mapping[str, Any]) -> str:
    facts = []
    if (rows := each.get("rows")) is not None:
        facts.append(
            number(rows, "row") if isinstance(rows, int) and rows else f"{rows or 'no'} rows"
        )
    if datasets := each.get("datasets"):
        facts.append(", ".join(datasets))
    if each["status"] == "compiled" and each.get("seconds", 0) >= 0.05:
        facts.append(f"{each['seconds']:.1f} s")
    states = list((each.get("files") or {}).values())
    for state, what in (("kept", "kept as it was"), ("out", "left out")):
        if count := states.count(state):
            facts.append(f"{number(count, 'file')} {what}")
    return "; ".join(facts)
