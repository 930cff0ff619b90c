"""A worker: registers, announces its datasets, and lives no longer than its master."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from . import PORT, REGISTRY, databases
from .clock import ACTIVE, CHECK, LOOK, PING, SILENCE, START, TRIES, TRY, Clock
from .keystore import Keystore
from .queries import PREFIX
from .service import ask, is_there, log, own_address, server


class Worker:
    """`serve()` runs it."""

    def __init__(self, name: str, data: Path, keystore: Keystore, clock: Clock) -> None:
        self.name = name
        self.data = data
        self.keystore = keystore
        self.clock = clock

    def serve(self) -> None:
        self.clock.wait(START)
        answers = {("GET", "/ping"): self._ping, ("GET", "/list_dataset"): self._list_dataset}
        threading.Thread(target=server(REGISTRY, answers).serve_forever, daemon=True).start()
        self.keystore.wait(self.clock)
        address = own_address(self.keystore.base)
        master, its = self._registered(address)
        log(f"registered with the master {master} at {its}")
        threading.Thread(target=self._follow, args=(master, its), daemon=True).start()
        self.clock.wait(ACTIVE)
        for pathology, codes in databases.announced(self.data).items():
            self.keystore.put(f"data/{self.name}/{pathology}", json.dumps(codes))
            log(f"announced {pathology}: {', '.join(codes) or 'nothing'}")
        self.keystore.put(f"active_workers/{self.name}", address)
        log("active")
        while True:
            self.clock.wait(CHECK)
            self._check(its)

    def _registered(self, address: str) -> tuple[str, str]:
        """Waits for a master in the keystore that answers where it says, and registers with it."""
        said = False
        while True:
            try:
                for key, its in self.keystore.below("master/").items():
                    master = key.partition("/")[2]
                    if is_there(its, master):
                        ask(its, "/register", {"name": self.name, "address": address})
                        return master, its
            except (OSError, ValueError) as error:
                log(f"cannot register: {error}")
            if not said:
                log("waiting for a master")
                said = True
            self.clock.wait(LOOK)

    def _follow(self, master: str, address: str) -> None:
        while is_there(address, master, timeout=SILENCE):
            self.clock.wait(PING)
        self._end(f"the master {master} at {address} does not answer")

    def _check(self, master: str) -> None:
        """Ends the worker where the master does not know it, five times in a row."""
        for _ in range(TRIES):
            if self._is_known(master):
                return
            log("the master does not know this worker")
            self.clock.wait(TRY)
        if not self._is_known(master):
            self._end("the health check failed")

    def _is_known(self, master: str) -> bool:
        try:
            answer = ask(master, PREFIX + "HEALTH_CHECK", [], port=PORT, timeout=SILENCE)
        except (OSError, ValueError):
            return False
        active = answer.get("active_nodes", "") if isinstance(answer, dict) else ""
        return self.name in str(active).split(", ")

    def _end(self, why: str) -> None:
        log(f"error: {why}")
        os._exit(1)

    def _ping(self, _: bytes) -> tuple[int, object]:
        return 200, {"name": self.name}

    def _list_dataset(self, _: bytes) -> tuple[int, object]:
        return 200, databases.list_dataset(self.data)
