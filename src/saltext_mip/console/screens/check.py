"""A data manager's check as a screen: each file as in the report, then a summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltext_mip.console.screens.text import Screen, number
from saltext_mip.data.inventory.report import file_lines

_KEYS = frozenset({"folder", "cde", "files", "problems", "refused", "checked"})


def is_check(value: Any) -> bool:
    """Whether that is what ``mip.check`` returned."""
    return isinstance(value, Mapping) and value.keys() >= _KEYS


def check(screen: Screen, value: Mapping[str, Any]) -> None:
    screen.title(value["folder"], f"CDE: {value['cde']}" if value["cde"] else "no CDE")
    accepted = value.get("accepted") or {}
    for name in ("", *value["checked"]):
        problems = value["files"].get(name, [])
        if not name and not problems:
            continue
        screen.gap()
        screen.title(name or "(the folder)", style=_style(problems))
        good = accepted.get(name, {})
        counts = list(good.get("datasets", {}).items())
        for step, text in file_lines(problems, good.get("rows"), counts):
            screen.text(text, indent=2 * step, hang=2)
    rest = value["files"].keys() - {"", *value["checked"]}
    for name in sorted(rest):
        screen.gap()
        screen.title(name, style=_style(value["files"][name]))
        for step, text in file_lines(value["files"][name], None, ()):
            screen.text(text, indent=2 * step, hang=2)
    _later(screen, value.get("refused_later") or {})
    screen.gap()
    screen.text(_summary(value), style="bad" if value["refused"] else "good")


def _later(screen: Screen, notes: Mapping[str, Any]) -> None:
    """What MIP 8 and 9 refuse, in CDE and files, under one heading."""
    if not notes:
        return
    screen.gap()
    screen.title("Refused by MIP 8 and 9: nothing to do now, correct it before an upgrade")
    for name, of_file in notes.items():
        for note in of_file:
            column = f", column {note['column']}" if note.get("column") else ""
            rows = f" ({number(note['count'], 'row')})" if note.get("count", 1) > 1 else ""
            screen.text(f"{name}{column}: {note['about']}{rows}", indent=2, hang=2)


def _style(problems: list[Mapping[str, Any]]) -> str:
    severities = {problem["severity"] for problem in problems}
    return "bad" if "error" in severities else "warn" if "warning" in severities else "good"


def _summary(value: Mapping[str, Any]) -> str:
    files = value["checked"]
    refused = [name for name in value["refused"] if name in files]
    problems = number(value["problems"], "problem")
    return (
        f"{number(len(files), 'file')} checked, {len(files) - len(refused)} accepted, "
        f"{len(refused)} refused; {problems}."
    )


def codebook(screen: Screen, value: Mapping[str, Any]) -> None:
    """The two tables line by line, to be looked at: ``--out=json`` and the command write files."""
    for what in ("codebook", "template"):
        screen.gap()
        screen.title(f"{what} of {value['pathology']}")
        screen.block(value[what].removeprefix("\ufeff").replace("\r\n", "\n").rstrip("\n"))
