"""A deployment in surroundings that are not as it needs them, one row a case.

From a node's Docker to what the operator reads: the real preflight and the real states run on each
node's own Docker, which is one in memory, and the real deployment prints what they return. Each row
has how it is set up, the reason and the way out that must be printed, and the exit code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from saltext_mip.bridge import pillar
from saltext_mip.console.screens.render import render
from saltext_mip.data import data_path
from saltext_mip.errors import MipError
from saltext_mip.node import jobs, preflight, swarm_checks
from saltext_mip.node.context import NodeContext
from saltext_mip.pusher.services import deploy, wait
from saltext_mip.states import mip as states
from saltext_mip.swarm import local_node
from tests.support.certificates import key_pair
from tests.support.docker_sdk import TOKEN, Docker
from tests.support.services import Services

MASTER, UI, H1, H2 = "fed1-ms", "fed1-ui", "fed1-wk-h1", "fed1-wk-h2"
ADDRESS = "10.0.0.1"  # of the master, as declared
OURS, THEIRS = "cluster1", "another-cluster"
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


class Surrounded(Services):
    """Each node has a Docker of its own: the master's manages a Swarm, of which all others are."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root)
        self.routes: dict[str, str] = {}
        self.listened: dict[str, set[int]] = {}
        self.environment: dict[str, dict[str, str]] = {}
        self.dockers = {node: Docker(manager=node == MASTER) for node in self.federation.ids}
        for node, each in self.dockers.items():
            each.address = ADDRESS
            each.local_state = "active"
            each.node_id = node.replace("-", "")
            if node != MASTER:
                each.remote = [ADDRESS]
                each.certify(root / node / "docker", role="worker", cluster=OURS)
            self.joined.add(node)
        self._patch = monkeypatch
        _, self._key = key_pair()
        secret = {"mip": {"secrets": {"fed1": {"join": TOKEN}}}}
        monkeypatch.setattr(pillar, "compile_pillar", lambda *_, **__: secret)

    @contextmanager
    def _at(self, node: str) -> Iterator[NodeContext]:
        """As on that node: its Docker, its pillar."""
        swarms = {} if node == MASTER else {"fed1": OURS}
        of_node = {"mip": {"federations": {"fed1": self.declared}, "swarms": swarms}}
        with self._patch.context() as patch:
            if "DOCKER_HOST" not in self.environment.get(node, ()):
                patch.setattr(docker, "from_env", lambda **_: self.dockers[node])
            patch.setattr(states, "__pillar__", of_node, raising=False)
            patch.setattr(states, "__grains__", {}, raising=False)
            table = self.root / node / "routes"
            table.write_text(ROUTES + self.routes.get(node, ""))
            patch.setattr(swarm_checks, "ROUTES", table)
            patch.setattr(preflight, "_listened", lambda: self.listened.get(node, set()))
            opts = {"id": node, "root_dir": str(self.root / node)}
            patch.setattr(states, "__opts__", opts, raising=False)
            for name, value in self.environment.get(node, {}).items():
                patch.setenv(name, value)
            yield NodeContext.from_pillar(of_node, "fed1", node, self.root / node)

    def _ready(self, node: str, **_: Any) -> dict[str, Any]:
        with self._at(node) as context:
            return dict(json.loads(json.dumps(jobs.preflight_issues(context, self._key, None))))

    def _apply_states(self, node: str, test: bool = False, **_: Any) -> dict[str, Any]:
        run: list[Callable[..., dict[str, Any]]] = [states.requirements, states.folders]
        run.append(states.swarm_initialised if node == MASTER else states.swarm_joined)
        if node == MASTER and test:
            run.append(states.services)
        found = {}
        with self._at(node) as context:
            states.__opts__["test"] = test  # type: ignore[attr-defined]
            for number, state in enumerate(run):
                ret = state(state.__name__, "fed1")
                found[f"mip_|-{state.__name__}"] = {**ret, "__run_num__": number}
                if ret["result"] is False:
                    break
            else:
                self.joined.add(node)
            place = jobs.swarm_or_error(context, self._key)
        return {"states": jobs.changed_states(found), "swarm": place}


Arrange = Callable[[Surrounded, Path], None]


@dataclass(frozen=True)
class Row:
    """One case: ``node``'s surroundings, and what a deployment then prints and exits with.

    ``heals``: the calls by which the deployment itself puts it right.
    """

    name: str
    arrange: Arrange
    reason: str = ""
    fix: str = ""
    code: int = 1
    heals: tuple[str, ...] = ()


def fails(node: str, error: str = "rpc error", *, role: str, cluster: str, days: float) -> Arrange:
    """The Swarm of that node's Docker did not start; with no role, its certificate is not there."""

    def arrange(fed: Surrounded, root: Path) -> None:
        of = fed.dockers[node]
        of.local_state, of.error, of.root = "error", error, ""
        if role:
            of.certify(root / node / "docker", role=role, cluster=cluster, days=days)

    return arrange


def reports(node: str, **facts: Any) -> Arrange:
    """That node's Docker reports these facts."""

    def arrange(fed: Surrounded, _: Path) -> None:
        for name, value in facts.items():
            assert hasattr(fed.dockers[node], name)
            setattr(fed.dockers[node], name, value)

    return arrange


def outside(node: str, **facts: Any) -> Arrange:
    """That node is in no Swarm."""
    return reports(node, local_state="inactive", remote=[], root="", **facts)


def several(*arrange: Arrange) -> Arrange:
    def all_of_them(fed: Surrounded, root: Path) -> None:
        for each in arrange:
            each(fed, root)

    return all_of_them


def certified(node: str, *, cluster: str) -> Arrange:
    return lambda fed, root: fed.dockers[node].certify(
        root / node / "docker", role="worker", cluster=cluster
    )


def without_docker(fed: Surrounded, _: Path) -> None:
    fed.environment = {H1: {"DOCKER_HOST": "unix:///nowhere/docker.sock"}}


def port_in_use(fed: Surrounded, _: Path) -> None:
    fed.listened[UI] = {80}


def old_database(fed: Surrounded, root: Path) -> None:
    """A container of an installation by docker compose has the database's folder."""
    folder = f"{root}/{UI}/ui/.stored_data/portalbackenddb"
    fed.dockers[UI].running.append(
        {
            "Id": "0123456789abcdef",
            "Names": ["/mip_portalbackend_db_1"],
            "Labels": {"com.docker.compose.project": "mipfederation"},
            "Ports": [],
            "Mounts": [{"Source": folder}],
        }
    )


def disk_not_mounted(fed: Surrounded, _: Path) -> None:
    data = fed.data(H1)
    (data / "dementia").mkdir()
    with fed._at(H1) as context:
        assert data_path.enrol(data, context.state, federation="fed1")
    shutil.rmtree(data)
    data.mkdir()


def name_of_loopback(fed: Surrounded, root: Path) -> None:
    fed.declared["nodes"][MASTER]["address"] = "localhost"
    outside(MASTER, manager=False)(fed, root)
    fed.joined.clear()


def route(line: str, *, joined: bool) -> Arrange:
    def arrange(fed: Surrounded, root: Path) -> None:
        fed.routes[H1] = line
        if not joined:
            outside(H1)(fed, root)

    return arrange


def node_in_subnet(fed: Surrounded, root: Path) -> None:
    fed.declared["nodes"][H2]["address"] = "10.0.1.200"
    fed.declared["swarm"] = {"network": {"subnet": "10.0.1.0/25", "gateway": "10.0.1.126"}}
    outside(H1)(fed, root)


SAME_SUBNET = "tun0\t001E140A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
EXPIRED = "x509: certificate has expired or is not yet valid"

TABLE = (
    Row("nothing is wrong", lambda *_: None, code=0),
    # the Swarm
    Row(
        "the master's Swarm is locked",
        reports(MASTER, local_state="locked", error="Swarm is encrypted and needs to be unlocked"),
        "This node does not manage a Swarm (locked: Swarm is encrypted",
        "docker swarm unlock",
    ),
    Row(
        "a worker's Docker is a manager of a locked Swarm",
        reports(H1, local_state="locked"),
        "locked",
        "docker swarm unlock",
    ),
    Row(
        "the master's certificate expired",
        fails(MASTER, EXPIRED, role="manager", cluster=OURS, days=-3),
        "its certificate expired on",
        "Check the clock first (date)",
    ),
    Row(
        "a worker's certificate expired",
        fails(H1, EXPIRED, role="worker", cluster=OURS, days=-3),
        code=0,
        heals=("leave", "join"),
    ),
    Row(
        "a worker's Swarm failed and its certificate is a manager's",
        fails(H1, EXPIRED, role="manager", cluster=THEIRS, days=-3),
        "Docker manages a Swarm of its own. It does not work now: its certificate expired on",
        "Ask its operators before you remove it: with its last manager, a Swarm loses its services",
    ),
    Row(
        "a worker's Swarm failed and nothing is known of it",
        fails(H1, "context deadline exceeded", role="", cluster="", days=0),
        "has failed (context deadline exceeded), and nothing proves that it is a worker",
        "openssl x509 -noout -subject -enddate",
    ),
    Row(
        "the master has not loaded its Swarm yet",
        reports(MASTER, next_states=["", "pending", "pending"]),
        code=0,
    ),
    Row(
        "the master does not load its Swarm",
        reports(MASTER, local_state="pending", error="dial tcp: connection refused"),
        "does not manage a Swarm (starting: dial tcp: connection refused)",
        "docker info shows when Docker has loaded the Swarm",
    ),
    Row(
        "the master's Docker is in another's Swarm",
        reports(MASTER, manager=False, remote=["10.9.9.9"]),
        "does not manage a Swarm (not a manager",
        "docker info names the managers of the Swarm that it is in",
    ),
    Row(
        "a worker has not joined yet",
        reports(H1, local_state="pending", error="connection timed out"),
        f"Docker is still trying to join the Swarm of {ADDRESS} (connection timed out)",
        f"Port 2377/tcp of {ADDRESS} must be reachable from this node",
    ),
    Row(
        "a worker is in another's Swarm",
        several(reports(H1, remote=["10.9.9.9"]), certified(H1, cluster=THEIRS)),
        f"Docker is in the Swarm of 10.9.9.9, not of {ADDRESS}",
        "docker swarm leave (its services on this node end; folders with data are kept)",
    ),
    Row(
        "a worker manages a Swarm of its own",
        reports(H1, manager=True, cluster=THEIRS),
        "Docker manages a Swarm of its own",
        "Ask its operators before you remove it: with its last manager, a Swarm loses its services",
    ),
    Row("a worker was promoted in its own Swarm", reports(H1, manager=True), code=0),
    Row("a worker is in no Swarm", outside(H1), code=0, heals=("join",)),
    Row(
        "the manager has another address than the declared one",
        reports(MASTER, address="127.0.0.1"),
        f"the Swarm's manager advertises 127.0.0.1, but the pillar declares {ADDRESS}",
        "In the pillar: nodes: {fed1-ms: {address: 127.0.0.1}}",
        code=0,
    ),
    Row(
        "the managers of our Swarm are at an address that is not declared",
        several(*(reports(node, remote=["10.9.9.9"]) for node in (UI, H1, H2))),
        code=0,
    ),
    # Docker
    Row(
        "the master's name is that of the loopback",
        name_of_loopback,
        "the pillar's address localhost of this node is a name that has no address here",
        "declare its IP address, or correct /etc/hosts",
    ),
    Row(
        "Docker has live-restore",
        outside(H1, live_restore=True),
        "Docker's live-restore is on, with which it joins no Swarm",
        "systemctl reload docker (containers keep running",
    ),
    Row(
        "Docker runs rootless",
        outside(H1, security=["name=seccomp,profile=default", "name=rootless"]),
        "Docker runs rootless, which has no overlay networks",
        "install the system's Docker",
    ),
    Row(
        "Docker does not run",
        without_docker,
        "Docker does not respond: socket not found",
        "systemctl status docker",
    ),
    # networks
    Row(
        "the host routes what is to be the network's, before it joins",
        route(SAME_SUBNET, joined=False),
        "the network mip-federation (10.20.30.0/24) overlaps this host's route 10.20.30.0/24",
        "In the pillar: swarm: {network: {subnet:",
    ),
    Row(
        "the same, in a Swarm that is in use",
        route(SAME_SUBNET, joined=True),
        "the network mip-federation (10.20.30.0/24) overlaps this host's route 10.20.30.0/24",
        "In the pillar: swarm: {network: {subnet:",
        code=0,
    ),
    Row(
        "a node's address is in the network's subnet",
        node_in_subnet,
        "this node's address 10.0.1.1 is in the subnet 10.0.1.0/25",
        "In the pillar: swarm: {network: {subnet:",
    ),
    # what else has what services need
    Row(
        "another program has a port of ours",
        port_in_use,
        "another program uses port 80",
        "find it with ss -ltnp 'sport = :80'",
    ),
    Row(
        "the database of an old installation runs",
        old_database,
        "container mip_portalbackend_db_1, which mip did not create, uses",
        "docker compose -p mipfederation down (folders and volumes are kept",
    ),
    Row(
        "the data disk is not mounted",
        disk_not_mounted,
        ".mip-data is missing",
        "To mount it: mount /",
    ),
)


@pytest.fixture
def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surrounded:
    monkeypatch.setattr(wait, "POLL_INTERVAL", 0.0)
    monkeypatch.setattr(local_node, "POLL_INTERVAL", 0.0)
    monkeypatch.setattr(local_node, "LOADED_WAIT", 0.05)
    return Surrounded(tmp_path, monkeypatch)


def deployed(fed: Surrounded, *, dry_run: bool) -> tuple[int, str]:
    """The exit code, and what the operator reads, on one line."""
    try:
        result = deploy.deploy(fed.pusher, dry_run=dry_run, timeout=1)
    except MipError as exc:
        return exc.exit_code, " ".join(str(exc).split())
    code = result.retcode if isinstance(result.retcode, int) else 0
    return code, " ".join(str(render("deploy", result, width=400)).split())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_reason_and_the_way_out_are_printed(fed: Surrounded, row: Row, tmp_path: Path) -> None:
    row.arrange(fed, tmp_path)
    code, text = deployed(fed, dry_run=False)
    assert row.reason in text
    assert text.count(row.fix) == 1 or not row.fix
    assert code == row.code, text
    calls = [name for each in fed.dockers.values() for name, _ in each.calls]
    changed = [name for name in calls if name in ("init", "leave", "join")]
    assert tuple(changed) == row.heals


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_dry_run_has_the_same_reason_and_does_nothing(
    fed: Surrounded, row: Row, tmp_path: Path
) -> None:
    row.arrange(fed, tmp_path)
    code, text = deployed(fed, dry_run=True)
    assert (row.reason in text, code) == (True, row.code), text
    calls = {name for each in fed.dockers.values() for name, _ in each.calls}
    assert not calls & {"init", "leave", "join", "create_service"}
    if row.name != "the master's name is that of the loopback":
        assert "with every service" not in text, "there is a Swarm"
