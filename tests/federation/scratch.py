"""A Swarm made by hand, for tests of the bed's own parts, and databases of a few rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import docker
from docker.types import EndpointSpec, IPAMConfig, IPAMPool, Mount, NetworkAttachmentConfig

from tests.support.bed import Bed
from tests.support.bed.pillar import CLOCK

MASTER = "fed1-ms"
NETWORK = "scratch"
ENGINE = "hbpmip/exareme:24.3.0"

METADATA = """\
CREATE TABLE METADATA(code text primary key, label text, sql_type text, isCategorical integer,
    enumerations text, min integer, max integer);
"""


def write_database(path: Path, rows: Sequence[str], datasets: Sequence[str]) -> None:
    """A datasets.db with one row for each of `rows`; `datasets` are those of its METADATA."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(METADATA + "CREATE TABLE DATA(dataset text);")
        variable = ("dataset", "Dataset", "text", 1, ",".join(datasets))
        database.execute("INSERT INTO METADATA VALUES (?, ?, ?, ?, ?, NULL, NULL)", variable)
        database.executemany("INSERT INTO DATA VALUES (?)", [(row,) for row in rows])
        database.commit()


class Swarm:
    """All nodes of the bed in one Swarm, with an overlay network, labelled by name."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.nodes = bed.hosts[1:]
        self.manager = bed.docker(MASTER)

    def join(self) -> None:
        address = self.bed.host(MASTER).spec.address
        self.manager.swarm.init(advertise_addr=address)
        token = self.manager.swarm.attrs["JoinTokens"]["Worker"]
        for name in self.nodes[1:]:
            self.bed.docker(name).swarm.join(
                remote_addrs=[address],
                join_token=token,
                advertise_addr=self.bed.host(name).spec.address,
            )
        for node in self.manager.nodes.list():
            labels = {"name": node.attrs["Description"]["Hostname"]}
            node.update({**node.attrs["Spec"], "Labels": labels})
        pool = IPAMPool(subnet="10.20.30.0/24", gateway="10.20.30.254")
        self.manager.networks.create(
            NETWORK, driver="overlay", ipam=IPAMConfig(pool_configs=[pool])
        )

    def service(
        self,
        name: str,
        image: str,
        node: str,
        env: Sequence[str] = (),
        *,
        mounts: Sequence[Mount] = (),
        port: int | None = None,
        **more: object,
    ) -> docker.models.services.Service:
        ports = None if port is None else {port: (port, "tcp", "host")}
        return self.manager.services.create(
            image,
            name=name,
            env=list(env),
            mounts=list(mounts),
            constraints=[f"node.labels.name=={node}"],
            networks=[NetworkAttachmentConfig(NETWORK, aliases=[name])],
            endpoint_spec=EndpointSpec(mode="dnsrr", ports=ports),
            **more,
        )

    def engine(self, node: str, role: str) -> docker.models.services.Service:
        """The stand-in on a node, with the node's /data/fed1."""
        mount = Mount("/root/exareme/data/", "/data/fed1", type="bind", propagation="rslave")
        env = [
            "CONSULURL=exareme-keystore:8500",
            f"FEDERATION_ROLE={role}",
            f"NODE_NAME={node}",
            f"ENGINE_CLOCK={CLOCK}",
        ]
        name = "exareme-master" if role == "master" else f"{node}_exareme"
        port = 9090 if role == "master" else None
        return self.service(name, ENGINE, node, env, mounts=[mount], port=port)

    def log(self, service: docker.models.services.Service) -> str:
        return b"".join(service.logs(stdout=True, stderr=True)).decode()
