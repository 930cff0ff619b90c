"""Ten minutes of answers that no engine gives restart nothing: on the controller's own clock.

The controller's steps, its refreshes, the proof of serving and the choice of engines that must
follow are the real ones; the Swarm is a table, and each second of the ten minutes is a step.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.controller.loop import Controller
from saltext_mip.controller.requests import LOOK, Declared, Requests
from saltext_mip.controller.step import Action
from saltext_mip.errors import MipError
from saltext_mip.pusher import refresh as refreshing
from saltext_mip.pusher.services import deploy
from saltext_mip.pusher.survey import Options
from saltext_mip.swarm.components import KEYSTORE, MASTER, WORKER
from saltext_mip.swarm.engines import ENGINE
from saltext_mip.swarm.engines.interface import Health
from saltext_mip.swarm.rollout import Engines, EngineTask, Restart, must_follow
from tests.support.commands import consolidate
from tests.support.services import Services
from tests.unit.pusher.conftest import cde, rows

SECONDS = 600
BEACON = 30  # seconds between two wakes
NOW = 1_773_288_000.0
HOSTS = {"fed1-ms": "10.1.0.1", "fed1-wk-h1": "10.1.0.2", "fed1-wk-h2": "10.1.0.3"}
KEYS = {f"active_workers/{host}": address for host, address in HOSTS.items()} | {
    "master/fed1-ms": HOSTS["fed1-ms"],
    "data/fed1-wk-h1/dementia": '["edsd"]',
    "data/fed1-wk-h2/dementia": '["ppmi"]',
}
HTML = b"<html><body><h1>It works!</h1></body></html>"
# status and body; None: the connection is closed instead
NONSENSE: tuple[tuple[int, bytes] | None, ...] = (
    (200, HTML),
    (200, b""),
    (200, b"null"),
    (200, b"[]"),
    (200, b"true"),
    (200, b'"fed1-ms"'),
    (200, b'{"active_nodes": ["fed1-ms"]}'),
    (200, b'{"active_nodes": null}'),
    (200, b'{"status": "ok"}'),
    (200, b'{"active_nodes": "fed1-ms'),
    (200, b"\xff\xfe\x00\x80" * 99),
    (204, b""),
    (302, b""),
    (400, b'{"error": "no such service"}'),
    (401, b""),
    (404, b"404 page not found"),
    (500, b'{"active_nodes": "fed1-ms"}'),
    (501, b"Unsupported method"),
    (502, HTML),
    (503, b"upstream connect error"),
    None,
)


class Handler(BaseHTTPRequestHandler):
    """Another kind of nonsense to each question."""

    answers = itertools.cycle(NONSENSE)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = next(self.answers)
        if answer is None:
            self.connection.close()
            return
        code, body = answer
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Not into the tests' output."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


class Swarm(Services):
    """``port`` is where something answers in the engine's place; None: the engine itself does.

    ``clock`` are the seconds since that began, ``older``: whether the workers' tasks are older than
    the master's, as after its restart: then they restart if it does not know them.
    """

    port: int | None = None
    clock = 0.0
    older = False

    def engines(self) -> Engines:
        def task(short: str, node: str, age: float) -> EngineTask:
            created = f"2026-03-12T03:00:{59 - age / 100:04.1f}"
            service = f"{node}_{short}"
            return EngineTask(service, node, node, f"task of {service}", created, age + self.clock)

        workers = 900.0 if self.older else 100.0
        return Engines(
            task(KEYSTORE, "fed1-ms", 2000.0),
            task(MASTER, "fed1-ms", 500.0),
            tuple(task(WORKER, node, workers) for node in ("fed1-wk-h1", "fed1-wk-h2")),
        )

    def followers(self, health: Health) -> tuple[Restart, ...]:
        return must_follow(ENGINE, self.engines(), KEYS, health, registered=100.0 + self.clock)

    @property
    def serving(self) -> dict[str, Any]:
        if self.port is None:
            return super().serving
        addresses = {host: (address,) for host, address in HOSTS.items()}
        health = ENGINE.health(port=self.port)
        served = ENGINE.prove("fed1-ms", KEYS, addresses, health, port=self.port)
        assert served.unknown, served
        return served.wire()

    def _enforce(self, node: str, request: Any, **more: Any) -> dict[str, Any]:
        assert self.port is None or request["action"] != "restart", request
        return super()._enforce(node, request, **more)

    def _services(self, node: str, compile_pillar: bool = True, **more: Any) -> dict[str, Any]:
        value = super()._services(node, compile_pillar, **more)
        if self.port is not None:
            for each in value["services"].values():
                if each["short"] in (MASTER, WORKER):
                    each["serving"] = None
            followers = self.followers(ENGINE.health(port=self.port))
            value["due"] = [
                {"thing": WORKER, "node": of.node, "reason": of.reason, "cause": of.cause}
                for of in followers
            ]
        return value


class Done:
    """Work that has ended."""

    exitcode = 0

    def is_alive(self) -> bool:
        return False

    def join(self) -> None:
        """It is over."""


@pytest.fixture
def swarm(tmp_path: Path) -> Swarm:
    """Consolidated, deployed and served; data need not settle."""
    made = Swarm(tmp_path, reactor={"settle": 0, "resync": 120})
    made.write("fed1-ms", "dementia", "CDEsMetadata.json", cde())
    made.write("fed1-wk-h1", "dementia", "edsd.csv", rows("edsd"))
    made.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi"))
    consolidate(made.pusher, Options())
    deploy.deploy(made.pusher)
    made.requests.clear()
    return made


def restarted(swarm: Swarm) -> list[tuple[str, str]]:
    return [
        (target.node, target.service)
        for request in swarm.requests
        if request.action == "restart"
        for target in request.targets or ()
    ]


@pytest.mark.parametrize("older", [False, True])
def test_ten_minutes_of_nonsense_restart_nothing(swarm: Swarm, port: int, older: bool) -> None:
    swarm.older = older
    state = swarm.pusher.state
    Declared.of(swarm.federation).save(state)
    refreshed: list[float] = []

    def begin(action: Action, run: str, asked: bool) -> Done:
        assert action == "refresh"
        refreshed.append(swarm.clock)
        request = refreshing.RefreshRequest(run=run, asked=asked, served_within=0.0)
        try:
            refreshing.refresh(swarm.pusher, request)
        except MipError as error:
            refreshing.record_not_started(state, run, error, "2026-03-12T03:00:00+00:00")
        return Done()

    controller = Controller(state, begin, lambda: False)
    tasks = {name: task and task.id for name, task in swarm.tasks.items()}
    swarm.port = port
    for second in range(SECONDS):
        swarm.clock = float(second)
        if second % BEACON == 0:
            Requests(state).leave(LOOK)
        if second == SECONDS // 3:  # data that a restart would serve
            swarm.write("fed1-wk-h1", "dementia", "meanwhile.csv", rows("meanwhile"))
        controller.tick(NOW + second, 0.5)
    assert refreshed[-1] > SECONDS // 2  # it did not give up looking
    assert len(refreshed) > 5
    assert (restarted(swarm), swarm.deleted_keys) == ([], [])
    assert {name: task and task.id for name, task in swarm.tasks.items()} == tasks
    # an answer of the engine that lacks them is evidence, nonsense is none
    assert bool(swarm.followers(Health(frozenset({"fed1-ms"})))) is older

    swarm.port = None
    for second in range(SECONDS, 2 * SECONDS):
        swarm.clock = float(second)
        controller.tick(NOW + second, 0.5)
    assert restarted(swarm) == [("fed1-wk-h1", WORKER)]
    assert swarm.serving["datasets"]["dementia"]["meanwhile"] == ["fed1-wk-h1"]
