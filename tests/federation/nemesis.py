"""What happens to a federation by chance, by a seed; and what it must come to once all is quiet.

It keeps in mind what the hospitals' files are, so that what is served can be told from them alone.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests

from saltext_mip.data.inventory.fingerprints import Fingerprints
from tests.federation.deployed import MASTER, UI
from tests.federation.followed import DATA, STATE, Followed
from tests.support.bed.layout import PUSHER
from tests.unit.pusher.conftest import cde, rows

CDE = "CDEsMetadata.json"
CONTROLLER = ("pkill", "-9", "-f", "engines.mip")
DEEDS = {
    "add": 5,
    "change": 4,
    "rename": 2,
    "remove": 2,
    "pathology": 1,
    "spoil": 1,
    "in pieces": 2,
    "cut": 3,
    "power": 2,
    "kill minion": 2,
    "kill dockerd": 2,
    "kill engine": 2,
    "kill salt-master": 1,
    "kill controller": 1,
    "remove service": 1,
    "scale to nothing": 1,
    "forge": 1,
}


@dataclass
class File:
    """A hospital's file: one dataset, so many rows; ``good`` unless it does not compile."""

    node: str
    pathology: str
    name: str
    dataset: str
    count: int
    good: bool = True


@dataclass
class Nemesis:
    """Deeds by chance; what was broken mends itself after a while, or at :meth:`mend`."""

    fed: Followed
    chance: random.Random
    files: list[File]
    later: list[tuple[float, str, Callable[[], object]]] = field(default_factory=list)
    off: set[str] = field(default_factory=set)
    nth: int = 0

    @classmethod
    def of(cls, fed: Followed, seed: int) -> Nemesis:
        """On a federation that has just begun."""
        files = [
            File(node, "dementia", f"{which}-{node[-2:]}.csv", f"{which}-{node[-2:]}", 12)
            for node in fed.workers
            for which in ("first", "second")
        ]
        return cls(fed, random.Random(seed), files)

    # ---- what happens -----------------------------------------------------------------

    def deed(self) -> str:
        """One of :data:`DEEDS`; what was done, in words."""
        self._due(time.monotonic())
        self.nth += 1
        kind = self.chance.choices(list(DEEDS), list(DEEDS.values()))[0]
        what = getattr(self, f"_{kind.replace(' ', '_').replace('-', '_')}")()
        return f"{kind}: {what or 'nothing to do it to'}"

    def mend(self) -> None:
        """Everything is on again and reachable, and no file is bad."""
        self._due(float("inf"))
        for file in self.files:
            if not file.good:
                file.good = True
                self._write(file)

    def _due(self, now: float) -> None:
        due = [each for each in self.later if each[0] <= now]
        self.later = [each for each in self.later if each[0] > now]
        for _, _, mend in due:
            mend()

    def _worker(self) -> str | None:
        on = [node for node in self.fed.workers if node not in self.off]
        return self.chance.choice(on) if on else None

    def _host(self, *more: str) -> str | None:
        on = [node for node in (*self.fed.workers, MASTER, *more) if node not in self.off]
        return self.chance.choice(on) if on else None

    def _file(self, *, extra: bool = False) -> File | None:
        """One of a host that is on; the two that each had first stay, where ``extra``."""
        found = [
            file
            for file in self.files
            if file.node not in self.off
            and not (extra and file.dataset.startswith(("first", "second")))
        ]
        return self.chance.choice(found) if found else None

    def _path(self, file: File) -> Path:
        return self.fed.bed.path(file.node, f"{DATA}/{file.pathology}/{file.name}")

    def _content(self, file: File) -> bytes:
        if file.good:
            return rows(file.dataset, file.count).encode()
        return f"dataset,age,mmse\n{file.dataset},seventy,1\n".encode()

    def _write(self, file: File) -> str:
        path = f"{DATA}/{file.pathology}/{file.name}"
        self.fed.bed.write(file.node, path, self._content(file))
        return f"{path} of {file.node}"

    # ---- data

    def _new(self, pathology: str) -> File | None:
        if (node := self._worker()) is None:
            return None
        name = f"new{self.nth}-{node[-2:]}"
        return File(node, pathology, f"{name}.csv", name, self.chance.randint(10, 60))

    def _pathologies(self) -> list[str]:
        return sorted({file.pathology for file in self.files})

    def _add(self) -> str | None:
        if (file := self._new(self.chance.choice(self._pathologies()))) is None:
            return None
        self.files.append(file)
        return self._write(file)

    def _in_pieces(self) -> str | None:
        if (file := self._new("dementia")) is None:
            return None
        self.files.append(file)
        path = self.fed.bed.write(file.node, f"{DATA}/dementia/{file.name}", b"")
        content = self._content(file)
        with path.open("ab") as copy:
            for start in range(0, len(content), 200):
                copy.write(content[start : start + 200])
                copy.flush()
                time.sleep(0.3)
        return f"{path.name} of {file.node}"

    def _change(self) -> str | None:
        if (file := self._file()) is None:
            return None
        file.count, file.good = self.chance.randint(10, 60), True
        return self._write(file)

    def _spoil(self) -> str | None:
        if (file := self._file(extra=True)) is None:
            return None
        file.good = False
        return self._write(file)

    def _rename(self) -> str | None:
        if (file := self._file()) is None:
            return None
        before = self._path(file)
        file.name = f"renamed{self.nth}.csv"
        before.rename(self._path(file))
        return f"{before.name} to {file.name} of {file.node}"

    def _remove(self) -> str | None:
        if (file := self._file(extra=True)) is None:
            return None
        self._path(file).unlink()
        self.files.remove(file)
        return f"{file.name} of {file.node}"

    def _pathology(self) -> str | None:
        name = f"p{self.nth}"
        if MASTER in self.off or (file := self._new(name)) is None:
            return None
        self.fed.bed.write(MASTER, f"{DATA}/{name}/{CDE}", cde(code=name).encode())
        self.files.append(file)
        return self._write(file)

    # ---- faults

    def _fault(self, node: str | None, broken: str, mended: str) -> str | None:
        if node is None:
            return None
        self.fed.bed.fault(node, broken)
        self.off.add(node)

        def mend() -> None:
            self.fed.bed.fault(node, mended)
            self.off.discard(node)

        until = time.monotonic() + self.chance.uniform(1, 25)
        self.later.append((until, node, mend))
        return node

    def _cut(self) -> str | None:
        return self._fault(self._host(UI), "cut", "heal")

    def _power(self) -> str | None:
        return self._fault(self._host(UI, PUSHER), "poweroff", "poweron")

    def _killed(self, node: str | None, service: str) -> str | None:
        if node is not None:
            self.fed.bed.host(node).kill_service(service)
        return node

    def _kill_minion(self) -> str | None:
        return self._killed(self._host(UI), "minion")

    def _kill_dockerd(self) -> str | None:
        return self._killed(self._host(UI), "dockerd")

    def _kill_salt_master(self) -> str | None:
        return self._killed(None if PUSHER in self.off else PUSHER, "master")

    def _kill_controller(self) -> str | None:
        if PUSHER in self.off:
            return None
        self.fed.bed.run(PUSHER, *CONTROLLER, check=False)
        return PUSHER

    def _docker(self, node: str | None, *argv: str) -> str | None:
        """A command of Docker's by hand, which fails where dockerd is down: so be it."""
        if node is None or node in self.off:
            return None
        done = self.fed.bed.run(node, "docker", *argv, check=False, timeout=60)
        return f"{' '.join(argv)} on {node}, exit code {done.returncode}"

    def _kill_engine(self) -> str | None:
        if (node := self._host()) is None:
            return None
        try:
            client = self.fed.bed.docker(node, timeout=5)
            found = client.containers.list(filters={"label": "mip.service"})
        except (docker.errors.DockerException, requests.RequestException):
            return None
        return self._docker(node, "kill", found[0].id) if found else None

    def _service(self) -> str:
        names = [f"{node}_exareme" for node in self.fed.workers]
        names += [f"{MASTER}_exareme-master", f"{MASTER}_exareme-keystore", "frontend"]
        return self.chance.choice(names)

    def _remove_service(self) -> str | None:
        return self._docker(MASTER, "service", "rm", self._service())

    def _scale_to_nothing(self) -> str | None:
        return self._docker(MASTER, "service", "scale", "--detach", f"{self._service()}=0")

    def _forge(self) -> str | None:
        if PUSHER in self.off or (node := self._worker()) is None:
            return None
        tag = f"salt/beacon/{MASTER}/mip_data/fed1"
        argv = (
            "timeout",
            "--kill-after=5",
            "10",
            "salt-call",
            "event.send",
            tag,
            "--out=quiet",
            "-l",
            "quiet",
        )
        self.fed.bed.run(node, *argv, check=False)
        return f"{tag} by {node}"

    # ---- what it must come to ---------------------------------------------------------

    def served(self) -> dict[str, dict[str, dict[str, int]]]:
        """The rows of each dataset by node, as the engine should count them."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for file in self.files:
            found.setdefault(file.pathology, {})[file.dataset] = {file.node: file.count}
        return found

    def disagreements(self) -> list[str]:
        """What of the nodes' files, and of what is served, is not as the last generation has it,
        or that is not as the hospitals' files are."""
        newest = max(self.fed.bed.path(PUSHER, f"{STATE}/generations").iterdir())
        generation = json.loads(newest.read_text())
        said = [*self._of_hospitals(generation), *self._of_cdes(generation)]
        config = self.fed.bed.path(UI, "/opt/mip-deployment/Federation/config")
        if _sha256(config / "pathologies.json") != generation["pathologies_json"]:
            said.append("pathologies.json of the ui")
        counted = {pathology: below for pathology, below in self.fed.rows().items() if below}
        if counted != self.served():
            said.append(f"rows: {counted} for {self.served()}")
        offered = {
            name: {code: sorted(nodes) for code, nodes in of.items()}
            for name, of in self.served().items()
        }
        for what, have in (
            ("the engine", self.fed.served()),
            ("the generation", generation["pathologies"]),
        ):
            if have != offered:
                said.append(f"datasets of {what}: {have} for {offered}")
        return said

    def _of_hospitals(self, generation: dict[str, Any]) -> list[str]:
        said = []
        for node in self.fed.workers:
            known = {
                (pathology, file["name"]): file["sha256"]
                for pathology, files in generation["files"].get(node, {}).items()
                for file in files
            }
            own = Fingerprints.load(self.fed.bed.path(node, STATE))
            there = {
                (path.parent.name, path.name): own.of_file(path)
                for path in self.fed.bed.path(node, DATA).glob("*/*.csv")
            }
            if known != there:
                said.append(f"files of {node}: {sorted(set(known.items()) ^ set(there.items()))}")
        return said

    def _of_cdes(self, generation: dict[str, Any]) -> list[str]:
        said = []
        for node in (MASTER, *self.fed.workers):
            has = generation["cdes"] if node == MASTER else generation["files"].get(node, {})
            for pathology in has:
                path = self.fed.bed.path(node, f"{DATA}/{pathology}/{CDE}")
                if not path.exists() or _sha256(path) != generation["cdes"][pathology]:
                    said.append(f"the CDE of {pathology} on {node}")
        return said


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
