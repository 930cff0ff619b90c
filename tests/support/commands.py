"""The pusher's commands with their returns as JSON has them: what tests look into."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec

from saltext_mip import keycloak
from saltext_mip.pusher import compile as compilation
from saltext_mip.pusher import consolidate as consolidation
from saltext_mip.pusher import control, nodes
from saltext_mip.pusher import events as pusher_events
from saltext_mip.pusher import logs as pusher_logs
from saltext_mip.pusher import refresh as refreshing
from saltext_mip.pusher.generations import clean as cleaning
from saltext_mip.pusher.generations import history as generations
from saltext_mip.pusher.generations import rollback as rolling_back
from saltext_mip.pusher.generations import show as showing
from saltext_mip.pusher.holds import decide
from saltext_mip.pusher.status import report


def as_json(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; what it returns is made of dicts and lists."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return msgspec.to_builtins(function(*args, **kwargs))

    return call


consolidate = as_json(consolidation.consolidate)
compile_federation = as_json(compilation.compile_federation)
refresh = as_json(refreshing.refresh)
plan_refresh = as_json(refreshing.plan_refresh)
request_refresh = as_json(refreshing.request_refresh)
history = as_json(generations.history)
diff = as_json(generations.diff)
export = as_json(generations.export)
clean = as_json(cleaning.clean)
show = as_json(showing.show)
rollback = as_json(rolling_back.rollback)
status = as_json(report.status)
logs = as_json(pusher_logs.logs)
events = as_json(pusher_events.events)
list_nodes = as_json(nodes.list_nodes)
check_nodes = as_json(nodes.check_nodes)
enable = as_json(nodes.enable)
disable = as_json(nodes.disable)
wake = as_json(control.wake)
suspend = as_json(control.suspend)
resume = as_json(control.resume)
approve = as_json(decide.approve)
reject = as_json(decide.reject)
sync = as_json(keycloak.sync)
