"""The master: keeps who registered with it, and answers queries."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import PORT, REGISTRY
from .clock import START, Clock
from .keystore import Keystore
from .queries import PREFIX, Queries
from .service import ask, is_there, log, own_address, server


class Master:
    """`serve()` runs it. What registered is kept in memory alone."""

    def __init__(self, name: str, data: Path, keystore: Keystore, clock: Clock) -> None:
        self.name = name
        self.keystore = keystore
        self.clock = clock
        self.nodes: dict[str, str] = {}  # by name, their addresses
        self._pool = ThreadPoolExecutor(16)
        self.queries = Queries(
            name,
            data,
            lambda: keystore.below(""),
            self.active,
            lambda address: ask(address, "/list_dataset"),
        )

    def serve(self) -> None:
        self.clock.wait(START)
        queries = self.queries
        answers = {
            ("POST", PREFIX + "HEALTH_CHECK"): queries.health_check,
            ("POST", PREFIX + "LIST_VARIABLES"): queries.list_variables,
            ("POST", PREFIX + "LIST_DATASET"): queries.list_dataset,
            ("POST", PREFIX + "DESCRIPTIVE_STATS"): queries.descriptive_stats,
        }
        registry = {("GET", "/ping"): self._ping, ("POST", "/register"): self._register}
        threading.Thread(target=server(REGISTRY, registry).serve_forever, daemon=True).start()
        threading.Thread(target=server(PORT, answers).serve_forever, daemon=True).start()
        self.keystore.wait(self.clock)
        address = own_address(self.keystore.base)
        self.nodes[self.name] = address
        self.keystore.put(f"master/{self.name}", address)
        self.keystore.put(f"active_workers/{self.name}", address)
        log(f"registered as {address}")
        threading.Event().wait()

    def active(self) -> dict[str, str]:
        """The nodes that registered and answer now."""
        nodes = dict(self.nodes)
        there = self._pool.map(lambda item: is_there(item[1], item[0]), nodes.items())
        return {node: nodes[node] for node, alive in zip(nodes, there, strict=True) if alive}

    def _ping(self, _: bytes) -> tuple[int, object]:
        return 200, {"name": self.name}

    def _register(self, body: bytes) -> tuple[int, object]:
        node = json.loads(body)
        self.nodes[node["name"]] = node["address"]
        log(f"{node['name']} registered")
        return 200, {"name": self.name}
