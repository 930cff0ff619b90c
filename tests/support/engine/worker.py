"""A worker: announces its datasets when it starts, and lives no longer than its master."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from . import databases
from .keystore import Keystore
from .service import is_there, log, own_address, serve

LOOK = 1.0  # seconds between two looks at the master
PATIENCE = 5  # looks in a row that the master may miss


class Worker:
    """`serve()` runs it; Refused where the data path is not fit."""

    def __init__(self, name: str, data: Path, keystore: Keystore) -> None:
        self.name = name
        self.data = data
        self.keystore = keystore

    def serve(self) -> None:
        found = databases.pathologies(self.data)
        announced = {}
        for pathology, database in found.items():
            databases.metadata(pathology, database)
            announced[pathology] = sorted(databases.rows(database))
        threading.Thread(target=self._follow, args=(announced,), daemon=True).start()
        serve(self.name, "worker", get={"/rows": self.rows})

    def rows(self) -> object:
        """{pathology: {dataset: rows}}, counted now."""
        return {
            pathology: databases.rows(database)
            for pathology, database in databases.pathologies(self.data).items()
        }

    def _follow(self, announced: dict[str, list[str]]) -> None:
        master, address = self._find_master()
        log(f"the master {master} is at {address}")
        for pathology, codes in announced.items():
            self.keystore.put(f"data/{self.name}/{pathology}", codes)
            log(f"announced {pathology}: {', '.join(codes) or 'no datasets'}")
        self.keystore.put(f"active_workers/{self.name}", own_address(self.keystore.base))
        missed = 0
        while missed < PATIENCE:
            time.sleep(LOOK)
            missed = 0 if is_there(address, master) else missed + 1
        log(f"error: the master {master} at {address} went away")
        os._exit(1)

    def _find_master(self) -> tuple[str, str]:
        """Waits until a master is in the keystore and answers where it says."""
        said = ""
        while True:
            try:
                masters = self.keystore.below("master/")
            except OSError as error:
                masters, trouble = {}, str(error)
            else:
                trouble = "no master answers yet"
            for key, address in masters.items():
                name = key.partition("/")[2]
                if isinstance(address, str) and is_there(address, name):
                    return name, address
            if trouble != said:
                log(f"waiting for a master: {trouble}")
                said = trouble
            time.sleep(0.5)
