"""The master: knows the variables that it read first, and asks the workers for the rest."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import databases
from .keystore import Keystore
from .service import ask, is_there, log, own_address, serve

LOOK = 1.0  # seconds between two looks at who is there


class Master:
    """`serve()` runs it; Refused where the data path is not fit."""

    def __init__(self, name: str, data: Path, keystore: Keystore) -> None:
        self.name = name
        self.data = data
        self.keystore = keystore
        self.metadata: dict[str, databases.Metadata] = {}
        self.active: dict[str, str] = {}  # worker -> address

    def serve(self) -> None:
        # read once: a CDE that changes later is not seen
        for pathology, database in databases.pathologies(self.data).items():
            self.metadata[pathology] = databases.metadata(pathology, database)
        log(f"pathologies: {', '.join(self.metadata) or 'none'}")
        threading.Thread(target=self._follow, daemon=True).start()
        serve(
            self.name,
            "master",
            get={
                "/datasets": self.datasets,
                "/rows": self.rows,
                "/metadata": self.variables,
            },
            post={"/mining/query/HEALTH_CHECK": self.health},
        )

    def _follow(self) -> None:
        """Makes itself known, then keeps looking which workers answer."""
        address = own_address(self.keystore.base)
        self.keystore.put(f"master/{self.name}", address)
        log(f"registered as {address}")
        with ThreadPoolExecutor(16) as pool:
            while True:
                self._look(pool)
                time.sleep(LOOK)

    def _look(self, pool: ThreadPoolExecutor) -> None:
        try:
            announced = self.keystore.below("active_workers/")
        except OSError as error:
            log(f"the keystore does not answer: {error}")
            return
        workers = {key.partition("/")[2]: str(address) for key, address in announced.items()}
        there = pool.map(lambda item: is_there(item[1], item[0]), workers.items())
        active = {
            worker: address
            for (worker, address), alive in zip(workers.items(), there, strict=True)
            if alive
        }
        if active.keys() != self.active.keys():
            log(f"active workers: {', '.join(sorted(active)) or 'none'}")
        self.active = active

    def health(self) -> object:
        return {"active_nodes": sorted(self.active)}

    def variables(self) -> object:
        """The variables of each pathology, as they were when this master started."""
        return {pathology: list(known.variables) for pathology, known in self.metadata.items()}

    def datasets(self) -> object:
        """What active workers announced when they started, and this master's METADATA knows."""
        found: dict[str, dict[str, list[str]]] = {}
        answered = self._ask_workers()
        for key, codes in sorted(self.keystore.below("data/").items()):
            _, worker, pathology = key.split("/", 2)
            known = self.metadata.get(pathology)
            if worker not in answered or known is None or not isinstance(codes, list):
                continue
            for code in codes:
                if code in known.datasets:
                    found.setdefault(pathology, {}).setdefault(code, []).append(worker)
        return found

    def _ask_workers(self) -> dict[str, dict[str, dict[str, int]]]:
        """What each worker has now, of those that answer."""
        answers = {}
        for worker, address in sorted(self.active.items()):
            try:
                answer = ask(address, "/rows")
            except (OSError, ValueError) as error:
                log(f"{worker} does not answer: {error}")
                continue
            if isinstance(answer, dict):
                answers[worker] = answer
        return answers

    def rows(self) -> object:
        """{pathology: {dataset: {worker: rows}}}, counted now."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for worker, answer in self._ask_workers().items():
            for pathology, counted in answer.items():
                for code, count in counted.items():
                    found.setdefault(pathology, {}).setdefault(code, {})[worker] = count
        return found
