"""A federation of Salt processes that follows its data, and what can be seen of its controller."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.local import PUSHER, LocalFederation
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]


class Following:
    """What ``mip.setup`` and the states install, on a :class:`LocalFederation`."""

    def __init__(self, fed: LocalFederation) -> None:
        self.fed = fed

    def install(self) -> None:
        self.fed.run("mip.setup", check=True)
        self.fed.stop_node(PUSHER)
        self.fed.start_node(PUSHER)
        applied = self.fed.ask(self.fed.nodes(), "state.apply", "mip.beacons", wait=120)
        failed = [
            state["comment"]
            for states in applied.values()
            for state in (states.values() if isinstance(states, dict) else [{"comment": states}])
            if not state.get("result")
        ]
        assert not failed, failed

    # -- what is to be seen

    @property
    def last(self) -> dict[str, Any]:
        """How the last refresh ended."""
        return self._state("refreshed.json")

    @property
    def offered(self) -> dict[str, list[str]]:
        """Datasets by pathology, as the ui offers them."""
        if not self.fed.pathologies.exists():
            return {}
        found = json.loads(self.fed.pathologies.read_text())
        return {each["code"]: [one["code"] for one in each["datasets"]] for each in found}

    def looks(self) -> int:
        """How many refreshes the controller has begun since its master started."""
        return self.fed.hosts[PUSHER].log.read_text().count("mip: refresh of fed1 begins")

    def idle(self) -> bool:
        """Whether nothing is running, or to be tried again; a look may be wanted for later."""
        state = self._state("controller.json")
        folder = self.fed.state() / "requests"
        asked = list(folder.iterdir()) if folder.exists() else []
        return not (state["running"] != "nothing" or state["again"] or asked)

    def quiet(self) -> bool:
        """Whether nothing is wanted at all."""
        return self.idle() and self._state("controller.json")["wanted"] is None

    def settled(self, what: Callable[[], Any], within: float = 60.0) -> None:
        """Until ``what`` is so and the controller has nothing more to do."""
        until(what, seconds=within)
        until(self.idle, seconds=within)

    def compiled(self, node: str) -> dict[str, Any]:
        value: dict[str, Any] = self.fed.ask([node], "mip.compiled")[node]
        return value

    def conditions(self) -> dict[str, dict[str, Any]]:
        """By type, as a wake tells them."""
        found = self.fed.run("mip.suspend", "federation=fed1", "dry_run=True").json
        return {each["type"]: each for each in found["conditions"]}

    # -- what is done to it

    def kill(self, word: str, without: str = "\0") -> int:
        """``kill -9`` of the pusher's processes with that word in their command lines."""
        mine = str(self.fed.hosts[PUSHER].config)
        killed = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if mine in line and word in line and without not in line:
                os.kill(int(folder.name), signal.SIGKILL)
                killed += 1
        return killed

    def forge(self, node: str, count: int, *tags: str) -> None:
        """Events from that node that claim to be what they are not."""
        config = str(self.fed.hosts[node].config / "minion")
        subprocess.run(
            [sys.executable, "-m", "tests.support.forger", config, str(count), *tags],
            cwd=ROOT,
            env=self.fed.env(),
            check=True,
            timeout=120,
        )

    def _state(self, name: str) -> dict[str, Any]:
        path = self.fed.state() / name
        value: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return value
