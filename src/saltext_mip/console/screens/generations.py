"""The screens of ``history``, ``diff`` and ``rollback``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.console.screens.nodes import compiled
from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.text import Screen, number
from saltext_mip.text import when

OPS = {"add": ("+", "good"), "remove": ("-", "bad"), "change": ("~", "warn")}


def history(screen: Screen, value: Mapping[str, Any]) -> None:
    """One line a generation, the newest first; below it what came and went."""
    if not value["generations"]:
        screen.gap()
        if (dataset := value.get("dataset")) is None:
            screen.text("Nothing has been consolidated yet.")
        else:
            screen.text(f"In no generation did a dataset '{dataset}' come, go or change.")
    for each in value["generations"]:
        screen.gap()
        screen.title(f"{each['generation']}  {when(each['when'])}", f"by {each['actor']}")
        if each.get("note"):
            screen.text(each["note"], indent=4, hang=2)
        for sign, style, key in (("+", "good", "added"), ("-", "bad", "removed")):
            if each.get(key):
                names = ", ".join("/".join(pair) for pair in each[key])
                screen.text(names, indent=4, hang=2, first=f"{sign} ", style=style)
        if each["wrote"]:
            screen.text(f"wrote on {', '.join(each['wrote'])}", indent=4, hang=2)
        if each.get("pending"):
            screen.text(f"not yet on {', '.join(each['pending'])}", indent=4, hang=2, style="warn")
        if each.get("problems"):
            screen.text(number(each["problems"], "problem"), indent=4, style="warn")
    shown, of = len(value["generations"]), value.get("of", 0)
    if shown < of:
        screen.gap()
        screen.text(f"{shown} of {of}: limit=0 shows all")


def diff(screen: Screen, value: Mapping[str, Any]) -> None:
    """One line a difference."""
    screen.gap()
    if not value["changes"]:
        screen.text("They do not differ.", style="good")
    for change in value["changes"]:
        sign, style = OPS[change["op"]]
        old, new = _brief(change["old"]), _brief(change["new"])
        what = {"add": new, "remove": old, "change": f"{old} -> {new}"}[change["op"]]
        thing = f"{change['thing']}: {what}" if what else change["thing"]
        screen.text(thing, hang=4, first=f"{sign} ", style=style)


def _brief(value: Any) -> str:
    """A value on a line; of a digest as many digits as tell it from another."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_brief(below)}".rstrip() for key, below in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_brief, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:12] if digest else text


def rollback(screen: Screen, value: Mapping[str, Any]) -> None:
    """What was put back, and where."""
    if value.get("dry_run"):
        plan(screen, value["plan"])
        return
    screen.gap()
    if not value["changed"]:
        screen.text(f"Nothing changed: all is as in generation {value['restored']}.", style="good")
        return
    screen.table(list(value["nodes"].items()), indent=2)
    if "compile" in value:
        compiled(screen, {"nodes": value["compile"]})
    screen.gap()
    screen.text(
        f"Generation {value['restored']} is back, as generation {value['generation']}. Nothing"
        " automatic takes it away again; a person's own consolidate does.",
        style="good",
    )
