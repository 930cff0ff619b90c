"""What runs by itself: refresh, the controller's switches, Keycloak's roles, waiting."""

from __future__ import annotations

import argparse
import time

from saltext_mip.conditions import TYPES
from saltext_mip.console.cli.action import (
    DRY_RUN,
    DRY_RUN_ONLY,
    GUARD,
    NODE,
    OPTIONAL,
    REASON,
    TIMEOUT,
    YES,
    Arguments,
    Option,
    action,
    flag,
    number,
    text,
)
from saltext_mip.console.cli.context import Context
from saltext_mip.errors import Misuse
from saltext_mip.results import ReportedCondition, StatusResult, WaitResult

GROUP = "Automatic operation"
WAIT = Option(
    ("--wait",),
    "wait",
    "wait until it is done (default), or leave a request and return",
    {"action": argparse.BooleanOptionalAction},
)
HELD = text(
    "dataset",
    name="dataset",
    help="a dataset, a pathology, or a node; default: all",
    metavar="DATASET",
    **OPTIONAL,
)
POLL = 2.0  # seconds between two checks of a condition


def wait(context: Context, given: Arguments) -> int:
    """0: the condition is met, 1: it is not met in time."""
    name, wanted = _condition_argument(given["condition"])
    federation = {key: given[key] for key in ("federation",) if key in given}
    deadline = time.monotonic() + given.get("timeout", 300)
    with context.display.progress(f"waiting for {name}={wanted}") as progress:
        while True:
            result = context.salt.run("status", federation)
            if result.error is not None:
                return context.finish("status", result)
            condition = _condition(result.value, name)
            if (condition.status if condition else "False") == wanted:
                met = WaitResult(condition=name, status=wanted, met=True)
                context.display.value("wait", met)
                return 0
            if condition:
                progress(f"{condition.status}, {condition.reason}")
            if time.monotonic() >= deadline:
                why = f": {condition.reason}. {condition.message}" if condition else ""
                context.display.error(f"Timed out waiting for {name}={wanted}{why}")
                return 1
            time.sleep(POLL)


def _condition_argument(given: str) -> tuple[str, str]:
    """``Held=false`` as ``("Held", "False")``; without a value ``True``."""
    name, _, wanted = given.partition("=")
    wanted = (wanted or "True").capitalize()
    name = next((each for each in TYPES if each.lower() == name.lower()), name)
    if name not in TYPES or wanted not in ("True", "False", "Unknown"):
        raise Misuse(f"--for takes a condition, such as Ready or Held=False: {', '.join(TYPES)}.")
    return name, wanted


def _condition(status: StatusResult, name: str) -> ReportedCondition | None:
    return next((each for each in status.conditions if each.type == name), None)


ACTIONS = (
    *action(
        "refresh",
        function="refresh",
        help="consolidate, compile and restart services until the data are served",
        group=GROUP,
        takes=DRY_RUN,
        options=(
            WAIT,
            GUARD,
            YES,
            number(
                "--served-within",
                name="served_within",
                help="how long to wait until the engine serves it (120)",
                metavar="SECONDS",
            ),
        ),
    ),
    *action("wake", function="wake", help="make the controller check now", group=GROUP),
    *action(
        "suspend",
        function="suspend",
        help="suspend automatic refreshes",
        group=GROUP,
        takes=DRY_RUN_ONLY,
        options=(
            REASON,
            text(
                "--for", name="duration", help="resume after this time, such as 2h", metavar="TIME"
            ),
        ),
    ),
    *action(
        "resume",
        function="resume",
        help="resume automatic refreshes",
        group=GROUP,
        takes=DRY_RUN_ONLY,
    ),
    *action(
        "approve",
        function="approve",
        help="make held changes: all, or those of a dataset or node",
        group=GROUP,
        takes=DRY_RUN | NODE,
        options=(HELD, WAIT, REASON),
    ),
    *action(
        "reject",
        function="reject",
        help="keep the data of held changes as they were",
        group=GROUP,
        takes=DRY_RUN_ONLY | NODE,
        options=(HELD, REASON),
    ),
    *action(
        "wait",
        function="status",
        help="wait until a condition is met",
        group=GROUP,
        takes=TIMEOUT,
        options=(
            text(
                "--for",
                name="condition",
                help="Ready, or another condition; Held=False",
                metavar="CONDITION",
                default="Ready",
            ),
        ),
        handler=wait,
    ),
    *action(
        "sync-roles",
        function="sync_roles",
        help="create Keycloak's roles and groups from the data structure",
        group=GROUP,
        takes=DRY_RUN,
        options=(
            flag("--prune", name="prune", help="remove groups that match no dataset any more"),
            text(
                "--copy-from",
                name="copy_from",
                help="add the members of another client's groups",
                metavar="CLIENT",
            ),
        ),
    ),
)
