"""``mip history``, ``diff``, ``rollback``, ``clean``, and the names of the old command for them."""

from __future__ import annotations

from saltext_mip.console.cli import recorded
from saltext_mip.console.cli.action import (
    DRY_RUN,
    EVENT_LIMIT,
    FORCE,
    OPTIONAL,
    REASON,
    USAGE_ERROR,
    Arguments,
    action,
    number,
    text,
)
from saltext_mip.console.cli.context import Context

GROUP = "Generations"


def diff(context: Context, given: Arguments) -> int:
    """0: no difference, 1: a difference, 2: the comparison failed."""
    result = context.run("diff", **given)
    context.finish("diff", result)
    if result.error is not None or result.code:
        return USAGE_ERROR
    return 0 if result.value.same else 1


def history(context: Context, given: Arguments) -> int:
    """All generations, or those of a dataset."""
    found = recorded.listed(context, "history", given) or context.run("history", **given)
    return context.finish("history", found)


ACTIONS = (
    *action(
        "history",
        function="history",
        help="list the generations, newest first",
        group=GROUP,
        options=(
            text(
                "--dataset",
                name="dataset",
                help="only generations that added, removed or changed this dataset",
                metavar="CODE",
            ),
            EVENT_LIMIT,
        ),
        handler=history,
    ),
    *action(
        "show",
        function="show",
        help="show one generation, or what was current at a moment",
        group=GROUP,
        options=(
            number("generation", name="generation", help="its number (the last one)", **OPTIONAL),
            text(
                "--at",
                name="at",
                help='a moment in UTC instead: "2026-11-28 14:00", or 2h, 3d ago',
                metavar="WHEN",
            ),
        ),
    ),
    *action(
        "diff",
        function="diff",
        help="compare two generations, or the last one with the present data",
        group=GROUP,
        options=(
            number("a", name="a", help="number of a generation", metavar="A", **OPTIONAL),
            number("b", name="b", help="number of another", metavar="B", **OPTIONAL),
        ),
        handler=diff,
    ),
    *action(
        "rollback",
        function="rollback",
        help="restore a generation and suspend automatic refreshes",
        group=GROUP,
        takes=DRY_RUN,
        options=(
            number(
                "generation",
                name="generation",
                help="its number (the one before the last)",
                **OPTIONAL,
            ),
            REASON,
        ),
    ),
    *action(
        "clean",
        function="clean",
        help="remove old generations from the pusher's disk",
        group=GROUP,
        takes=DRY_RUN,
        options=(
            number("--keep", name="keep", help="how many of the newest to keep (generations.keep)"),
        ),
    ),
    *action(
        "backup",
        "backup list",
        function="history",
        help="list the generations that can be restored",
        group=GROUP,
        handler=history,
    ),
    *action(
        "backup show",
        function="diff",
        help="compare a generation with the present data",
        group=GROUP,
        options=(number("a", name="a", help="its number"),),
    ),
    *action(
        "restore",
        function="rollback",
        help="restore a generation, as rollback does",
        group=GROUP,
        takes=DRY_RUN | FORCE,
        options=(
            number(
                "--backup-file", name="generation", help="the generation's number", required=True
            ),
        ),
    ),
)
