"""A federation on the bed as its operator has it: commands of the pusher, data, what is served."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from tests.support import generator
from tests.support.bed import Bed
from tests.support.bed.layout import FEDERATION, PUSHER
from tests.support.bed.wait import for_minions, until

MASTER = "fed1-ms"
UI = "fed1-ui"
ENGINE = "hbpmip/exareme:24.3.0"
PATIENCE = 120  # seconds for names to resolve again after a restart, and more


def query(bed: Bed, name: str, **parameters: str) -> tuple[int, Any]:
    """What the engine answers on 9090, to the pusher: status code (0: none) and JSON."""
    body = [{"name": key, "value": value} for key, value in parameters.items()]
    done = bed.run(
        PUSHER,
        *("curl", "-s", "-m", "5", "-w", "\\n%{http_code}", "-X", "POST"),
        *(("-d", json.dumps(body)) if body else ()),
        f"http://{bed.host(MASTER).spec.address}:9090/mining/query/{name}",
        check=False,
    )
    text, _, code = done.stdout.rpartition("\n")
    try:
        return int(code or 0), json.loads(text)
    except ValueError:
        return int(code or 0), None


def keystore_keys(bed: Bed) -> dict[str, str]:
    """The keystore's keys and values; none while it does not answer."""
    command = "consul kv export"
    found = bed.run(
        MASTER, "docker", "ps", "-q", "-f", "ancestor=bitnami/consul:1.8.3", check=False
    )
    for container in found.stdout.split()[:1]:
        done = bed.run(MASTER, "docker", "exec", container, *command.split(), check=False)
        if done.returncode == 0:
            return {
                each["key"]: base64.b64decode(each["value"]).decode()
                for each in json.loads(done.stdout)
            }
    return {}


def served(bed: Bed, active: set[str]) -> dict[str, dict[str, list[str]]]:
    """What is proven: announced by active workers, and the master lists its variables."""
    found: dict[str, dict[str, list[str]]] = {}
    for key, value in sorted(keystore_keys(bed).items()):
        kind, _, rest = key.partition("/")
        node, _, pathology = rest.partition("/")
        if kind == "data" and node in active:
            for code in json.loads(value):
                found.setdefault(pathology, {}).setdefault(code, []).append(node)
    proven: dict[str, dict[str, list[str]]] = {}
    for pathology, datasets in found.items():
        for code, nodes in datasets.items():
            if query(bed, "LIST_VARIABLES", pathology=pathology, dataset=code)[0] == 200:
                proven.setdefault(pathology, {})[code] = nodes
    return proven


class Ran:
    """What a command came to: ``code``, ``value`` (its JSON), ``text`` and ``seconds``."""

    def __init__(self, code: int, stdout: str, stderr: str, seconds: float) -> None:
        self.code = code
        self.seconds = seconds
        self.text = stdout + stderr
        try:
            self.value: Any = json.loads(stdout)
        except ValueError:
            self.value = None


class Deployed:
    """The bed with a federation on it."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.workers = bed.named("worker")
        self.nodes = bed.hosts[1:]

    # ---- commands ---------------------------------------------------------------------

    def mip(self, command: str, *arguments: str, timeout: float = 400) -> Ran:
        """``salt-run mip.<command>`` on the pusher."""
        argv = ("salt-run", "-l", "quiet", f"mip.{command}", f"federation={FEDERATION}")
        begin = time.monotonic()
        done = self.bed.run(PUSHER, *argv, *arguments, "--out=json", check=False, timeout=timeout)
        return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - begin)

    def well(self, command: str, *arguments: str) -> Any:
        """The same, which must succeed: what it returned."""
        ran = self.mip(command, *arguments)
        assert ran.code == 0, ran.text
        return ran.value

    def deploys(self, seconds: float = 240) -> Any:
        """Deploy until it goes well, as an operator would while a host comes back: the return."""
        ran = []

        def well() -> bool:
            ran.append(self.mip("deploy"))
            return ran[-1].code == 0

        until(well, seconds=seconds, every=1, what="a deployment that goes well")
        return ran[-1].value

    def apply(self, node: str, sls: str, *arguments: str) -> dict[str, Any]:
        """``state.apply`` on one node: its states by their ids."""
        argv = ("salt", "-t", "120", node, "state.apply", sls, *arguments)
        done = self.bed.run(PUSHER, *argv, "--out=json", "-l", "quiet", check=False, timeout=400)
        states = json.loads(done.stdout)[node]
        assert isinstance(states, dict), states
        return {of["__id__"]: of for of in states.values()}

    # ---- what is ----------------------------------------------------------------------

    def query(self, name: str, **parameters: str) -> tuple[int, Any]:
        """What the engine answers to a query, to the pusher: status code (0: none) and JSON."""
        return query(self.bed, name, **parameters)

    def keys(self) -> dict[str, str]:
        """The keystore's keys; none while it does not answer."""
        return keystore_keys(self.bed)

    def active(self) -> set[str]:
        """The workers that are registered: the master reaches them, and the keystore has them."""
        code, answer = self.query("HEALTH_CHECK")
        if code != 200:
            return set()
        registered = {key.partition("/")[2] for key in self.keys() if key.startswith("active_w")}
        return set(answer["active_nodes"].split(", ")) & registered - {MASTER}

    def served(self) -> dict[str, dict[str, list[str]]]:
        """What is proven to be served: ``{pathology: {dataset: [worker]}}``."""
        return served(self.bed, self.active())

    def rows(self) -> dict[str, dict[str, dict[str, int]]]:
        """The rows of each dataset by node, as the databases have them now."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for node in self.workers:
            for path in sorted(self.bed.path(node, f"/data/{FEDERATION}").glob("*/datasets.db")):
                with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                    counted = "SELECT dataset, count(*) FROM DATA GROUP BY dataset"
                    for code, count in database.execute(counted).fetchall():
                        found.setdefault(path.parent.name, {}).setdefault(code, {})[node] = count
        return found

    def consolidated(self) -> dict[str, dict[str, list[str]]]:
        """The datasets of the last generation, as the engine should answer them."""
        structure = self.mip("export").value
        found: dict[str, dict[str, list[str]]] = {}
        for pathology in structure:
            for node in pathology["nodes"]:
                for dataset in node["datasets"]:
                    codes = found.setdefault(pathology["name"], {})
                    codes.setdefault(dataset["name"], []).append(node["name"])
        return found

    def serves(self, expected: Any = None, seconds: float = PATIENCE) -> None:
        """Wait until the engine answers with what was consolidated."""
        expected = self.consolidated() if expected is None else expected
        until(
            lambda: self.served() == expected,
            seconds=seconds,
            every=0.5,
            what=f"datasets {expected}",
        )

    def tasks(self) -> dict[str, str]:
        """The tasks that are meant to run, by service."""
        return {name: task["ID"] for name, task in self._tasks()}

    def running(self) -> dict[str, str]:
        """Those of them that do."""
        return {
            name: task["ID"] for name, task in self._tasks() if task["Status"]["State"] == "running"
        }

    def _tasks(self) -> list[tuple[str, Any]]:
        api = self.bed.docker(MASTER).api
        names = {each["ID"]: each["Spec"]["Name"] for each in api.services()}
        wanted = {"desired-state": ["running", "accepted", "ready"]}
        found = api.tasks(filters=wanted)  # also of services that were removed just now
        return [(names[task["ServiceID"]], task) for task in found if task["ServiceID"] in names]

    def spec(self, service: str) -> dict[str, Any]:
        return self.bed.docker(MASTER).api.inspect_service(service)["Spec"]

    def announced(self) -> str:
        """The keystore's keys, one a line."""
        labels = {"label": "mip.service=exareme-keystore"}
        (keystore,) = self.bed.docker(MASTER).containers.list(filters=labels)
        return str(keystore.exec_run(["consul", "kv", "get", "-recurse"]).output.decode())

    def docker(self, *argv: str, host: str = MASTER) -> str:
        """The command ``docker``, as by an operator's hand."""
        return self.bed.run(host, "docker", *argv).stdout

    # ---- data -------------------------------------------------------------------------

    def fill(self) -> None:
        """Every hospital's folder, and the master's CDEs."""
        files = {MASTER: generator.node_of_master()}
        files |= {node: generator.hospital(n) for n, node in enumerate(self.workers, 1)}
        for node, below in files.items():
            for pathology, contents in below.items():
                for name, content in contents.items():
                    self.bed.write(node, f"/data/{FEDERATION}/{pathology}/{name}", content)

    def minions(self) -> None:
        for_minions(self.bed.host(PUSHER), list(self.nodes))

    @contextmanager
    def watched(self) -> Iterator[list[set[str]]]:
        """Meanwhile, which workers were away, at each of many looks."""
        away: list[set[str]] = []
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.3):
                code, answer = self.query("HEALTH_CHECK")
                if code == 200:
                    away.append(set(self.workers) - set(answer["active_nodes"].split(", ")))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield away
        finally:
            over.set()
            watcher.join()
