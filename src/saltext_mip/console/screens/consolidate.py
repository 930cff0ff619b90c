"""The screens of ``consolidate`` and ``export``: which datasets there are, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from saltext_mip.console.screens.plan import plan
from saltext_mip.console.screens.problems import counted
from saltext_mip.console.screens.text import Screen, Style, number
from saltext_mip.results import (
    ConsolidateResult,
    ExportedPathology,
    PathologyResult,
    RefreshResult,
    WorkerResult,
    value_or,
)

CDE_SOURCES = {"master": "CDE of the master", "catalogue": "CDE of the data catalogue"}
STYLES: Mapping[str, Style] = {"+": "good", "-": "bad", " ": "plain"}


def consolidate(screen: Screen, value: ConsolidateResult) -> None:
    """What was removed, the pathologies, the workers, and what came of it."""
    removals(screen, value)
    updated = "to be updated" if value.dry_run else "updated"
    for name, found in value.pathologies.items():
        _pathology(screen, name, found, updated)
    screen.gap()
    for node, state in value_or(value.ui, {}).items():
        screen.text(f"pathologies.json on {node}: {updated if state == 'updated' else state}")
    _workers(screen, value.workers)
    if value.dry_run:
        plan(screen, value.plan)
    else:
        _outcome(screen, value)


def removals(screen: Screen, value: ConsolidateResult | RefreshResult) -> None:
    """What an automatic refresh would have held; a dry run has it in its plan."""
    made = value_or(value.removals, [])
    if not made or value.dry_run:
        return
    screen.gap()
    screen.title("An automatic refresh would have held this:", style="warn")
    for each in made:
        did = "removed" if each.dataset else "taken"
        screen.text(f"{did}: {each.thing} on {each.node}", indent=2, hang=2, style="warn")
        screen.text(each.why, indent=4, hang=2)


def _pathology(screen: Screen, name: str, found: PathologyResult, updated: str) -> None:
    screen.gap()
    screen.title(name, CDE_SOURCES[found.cde_source])
    added = set(found.added)
    rows = [
        ("+" if code in added else " ", code, ", ".join(nodes))
        for code, nodes in found.datasets.items()
    ]
    rows += [("-", code, "removed") for code in found.removed]
    screen.table(
        [(f"{sign} {code}", where) for sign, code, where in rows],
        indent=2,
        header=("  DATASET", "WORKERS") if screen.wide else (),
        styles=[STYLES[sign] for sign, _, _ in rows],
    )
    news = [node for node, state in found.nodes.items() if state == "updated"]
    if news:
        screen.text(f"{updated}: {', '.join(news)}", indent=4, hang=2)
    if unchanged := len(found.nodes) - len(news):
        screen.text(f"unchanged: {number(unchanged, 'node')}", indent=4)


def _workers(screen: Screen, workers: Mapping[str, WorkerResult]) -> None:
    """How many are there, and which are not."""
    there = sum(each.status == "ok" for each in workers.values())
    screen.text(f"{there} of {number(len(workers), 'worker')} took part.")
    absent = [(node, each.status) for node, each in workers.items() if each.status != "ok"]
    screen.table(absent, indent=2, styles=["warn"] * len(absent), marked=True)


def _outcome(screen: Screen, value: ConsolidateResult) -> None:
    screen.gap()
    problems = [problem for problem in value.problems if problem.severity != "note"]
    also = f" See the problems above ({counted(problems)})." if problems else ""
    generation = value.generation
    if value.changed:
        text = f"Generation {generation} is committed."
    elif generation is None:
        text = "No change: nothing has been consolidated yet."
    else:
        text = f"No change: generation {generation} remains in use."
    screen.outcome(text + also, style="warn" if problems else "good")
    for step in value_or(value.todo, []):
        screen.text(step, hang=3, first="-> ", style="warn")
    if value.changed:
        screen.gap()
        screen.text("Next: mip.refresh compiles the generation and has it served.", hang=2)


def export(screen: Screen, value: Sequence[ExportedPathology]) -> None:
    """The data structure: pathologies, nodes, datasets."""
    if not value:
        screen.text("No datasets found.")
    for pathology in value:
        screen.gap()
        screen.title(pathology.name)
        screen.table(
            [
                (node.name, ", ".join(dataset.name for dataset in node.datasets))
                for node in pathology.nodes
            ],
            indent=2,
        )
