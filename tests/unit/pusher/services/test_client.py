"""Why a service does not serve, in the words that help most."""

from __future__ import annotations

from typing import Any

from saltext_mip.pusher.services.client import ServicesView
from saltext_mip.swarm.engines.interface import Served
from tests.support import views


def waiting(of_node: str, /, **service: Any) -> dict[str, str]:
    state = views.service(**{"serving": False, "up": False, **service})
    nodes = {"wk": views.swarm_node(of_node)}
    return ServicesView(True, "c", {"s": state}, Served(error="silence"), nodes).waiting()


def test_a_node_that_is_down_is_said_before_what_follows_from_it() -> None:
    error = "no suitable node (scheduling constraints not satisfied on 4 nodes)"
    assert waiting("down", error=error) == {"s": "its node is down"}
    assert waiting("ready", error=error) == {"s": error}
    assert waiting("ready", state="pending") == {"s": "its task is pending"}


def test_what_runs_and_does_not_serve_says_what_the_engine_says() -> None:
    assert waiting("ready", up=True) == {"s": "it runs, but does not serve yet (silence)"}
    unknown = {"s": "it runs; whether it serves is unknown (silence)"}
    assert waiting("ready", up=True, serving=None) == unknown
    assert waiting("ready", up=None, serving=None) == {}
