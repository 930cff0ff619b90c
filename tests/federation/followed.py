"""A deployed federation whose controller is left to itself, and what can be seen of it."""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime
from typing import Any

from tests.federation.deployed import MASTER, PATIENCE, Deployed
from tests.support.bed.layout import FEDERATION, PUSHER
from tests.support.bed.wait import until
from tests.unit.pusher.conftest import cde, rows

DATA = f"/data/{FEDERATION}"
STATE = f"/var/lib/mip/{FEDERATION}"
UI_LIST = "/opt/mip-deployment/Federation/config/pathologies.json"


class Followed(Deployed):
    """A deployed federation whose controller is left to itself."""

    def begin(self) -> None:
        """Two datasets of each worker, consolidated, deployed and served; all is quiet."""
        self._put_first()
        self.well("refresh")
        self.well("deploy")
        self._until_ready()

    def begin_again(self) -> None:
        """The same from whatever a test file left that passed, by the commands of an operator."""
        self.well("suspend", "reason=the next tests begin")
        # the master's CDEs stay: one that is gone while a generation has its pathology is an error
        for node in self.workers:
            for path in self.bed.path(node, DATA).iterdir():
                if path.is_dir() and path.name != "dementia":
                    shutil.rmtree(path)
            for path in self.bed.path(node, f"{DATA}/dementia").glob("*.csv"):
                path.unlink()
        self.bed.declare()
        self._put_first()
        self.well("refresh")  # a person's goes on, though it removes a pathology
        self.well("deploy")
        self.well("resume")
        self._until_ready()

    def _put_first(self) -> None:
        self.bed.write(MASTER, f"{DATA}/dementia/CDEsMetadata.json", cde().encode())
        for node in self.workers:
            self.put(node, f"first-{node[-2:]}")
            self.put(node, f"second-{node[-2:]}")

    def _until_ready(self) -> None:
        for node in self.workers:
            self.until_served(node, f"first-{node[-2:]}")
        self.quiet()

    def put(self, node: str, dataset: str, pathology: str = "dementia", count: int = 12) -> None:
        content = rows(dataset, count).encode()
        self.bed.write(node, f"{DATA}/{pathology}/{dataset}.csv", content)

    def remove(self, node: str, *datasets: str) -> None:
        self.bed.run(node, "rm", *(f"{DATA}/dementia/{dataset}.csv" for dataset in datasets))

    def names(self, node: str) -> set[str]:
        """That node's files of dementia in the last generation."""
        newest = max(self.bed.path(PUSHER, f"{STATE}/generations").iterdir())
        files = json.loads(newest.read_text())["files"]
        return {file["name"] for file in files.get(node, {}).get("dementia", ())}

    def listed(self) -> set[str]:
        """The datasets of dementia that the ui offers."""
        (ui,) = self.bed.named("ui")
        content = self.bed.path(ui, UI_LIST).read_bytes()
        (dementia,) = (each for each in json.loads(content) if each["code"] == "dementia")
        return {each["code"] for each in dementia["datasets"]}

    def until_served(self, node: str, dataset: str, *, there: bool = True) -> float:
        """Wait until the engine has it of that node, or has it no more; the seconds it took."""
        begin = time.monotonic()
        until(
            lambda: (
                bool(self.active())
                and (node in self.served().get("dementia", {}).get(dataset, ())) is there
            ),
            seconds=2 * PATIENCE,
            every=0.2,
            what=f"{dataset} of {node}{'' if there else ' gone'}",
        )
        return time.monotonic() - begin

    def follow(self, node: str, dataset: str) -> tuple[float, float]:
        """Copy a dataset and wait until it is served. The seconds until the task of the node's
        engine was created that serves it, and the engine's own, from then on."""
        begin = time.time()
        self.put(node, dataset)
        self.until_served(node, dataset)
        end = time.time()
        service = f"{node}_exareme"
        created = next(task["CreatedAt"] for name, task in self._tasks() if name == service)
        # Docker's nanoseconds are more than the format has
        made = datetime.fromisoformat(f"{created[:26].rstrip('Z')}+00:00").timestamp()
        return made - begin, end - made

    def state(self, name: str) -> dict[str, Any]:
        path = self.bed.path(PUSHER, f"{STATE}/{name}")
        value: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return value

    def is_quiet(self) -> bool:
        """Whether the controller has nothing to do, and the last refresh went well."""
        state, last = self.state("controller.json"), self.state("refreshed.json")
        folder = self.bed.path(PUSHER, f"{STATE}/requests")
        asked = list(folder.iterdir()) if folder.exists() else []
        busy = state["running"] != "nothing" or state["wanted"] or state["again"] or asked
        return not busy and last["kind"] == "done"

    def quiet(self, seconds: float = 2 * PATIENCE) -> None:
        until(self.is_quiet, seconds=seconds, every=0.5, what="a quiet controller")

    def steady(self) -> dict[str, str]:
        """The tasks, once they have been the same for a while: engines follow their master."""
        seen = self.tasks()
        since = time.monotonic()
        end = since + PATIENCE
        while time.monotonic() - since < 15:
            assert time.monotonic() < end, "tasks come and go"
            time.sleep(1)
            if (now := self.tasks()) != seen:
                seen, since = now, time.monotonic()
        return seen

    def looks(self) -> int:
        return int(self.state("controller.json")["run"])
