"""Answers from the pusher's state, without Salt and any node: observation, events, history.

Only while the observer runs and its last observation is recent: then the state is that of a
federation which is declared. In all other cases (``None``) Salt is called, as it is where the user
may not read the state or an argument is not valid: its answer has the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, structs

from saltext_mip.console.cli.action import Arguments, without
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import CommandResult
from saltext_mip.console.cli.state_folder import config_dir, is_certain, state_folders
from saltext_mip.errors import MipError
from saltext_mip.results import StatusResult
from saltext_mip.storage.state import DECLARED
from saltext_mip.watch import observation


def status(context: Context, given: Arguments) -> CommandResult | None:
    """The last observation, as ``mip.status`` would return it; with ``now`` none."""
    if given.get("now") or (found := _observed(context, given)) is None:
        return None
    state, last = found
    try:
        if last.observed is UNSET or observation.is_superseded(state, last.observed):
            return None
    except OSError:
        return None
    code = 1 if given.get("check") and not last.ok else 0
    return CommandResult(code, structs.replace(last, retcode=code or UNSET))


def listed(
    context: Context, what: Literal["events", "history"], given: Arguments
) -> CommandResult | None:
    """What ``mip.events`` or ``mip.history`` would return."""
    if (found := _observed(context, given)) is None:
        return None
    from saltext_mip.generations import listing
    from saltext_mip.generations.store import Store

    state, _ = found
    made: Callable[..., Any] = listing.events if what == "events" else listing.history
    try:
        return CommandResult(0, made(Store(state), state.name, **without(given, "federation")))
    except (MipError, OSError):
        return None


def _observed(context: Context, given: Arguments) -> tuple[Path, StatusResult] | None:
    """The state of the federation that is meant, and its last observation if that is recent."""
    config = config_dir(context.config)
    if not is_certain(config):
        return None
    try:
        states = state_folders(config)
        if (name := given.get("federation")) is not None:
            meant = [state for state in states if state.name == name]
        else:  # the only one, as for Salt
            meant = [state for state in states if (state / DECLARED).is_file()]
        if len(meant) != 1:
            return None
        last = observation.recent(meant[0], datetime.now(UTC))
    except OSError:
        return None
    return None if last is None else (meant[0], last)
