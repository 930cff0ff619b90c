"""A federation's services on a bed of three workers: from nothing, again, and by hand.

The baseline is ``docker stack deploy`` of the same services, in the same run, on the same Swarm
with its network and labels, every image there. Before each of both nothing runs; each is over
when the engine answers with every dataset of every worker, and the frontend with its page.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.federation.deployed import MASTER, UI, Deployed
from tests.support.bed import Bed, Layout, pillar
from tests.support.bed.wait import until

from saltext_mip.federation import Federation
from saltext_mip.secret import Secret
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.model import Service

ROOT = Layout(Path("/var/lib/mip-bed-bench"))
STACK = "by-hand"
ROUNDS = 3
FROM_NOTHING, NOTHING_TO_DO = 40.0, 6.0  # seconds that it may take


def main() -> dict[str, Any]:
    """Prints and returns the seconds of each."""
    bed = Bed.up(workers=3, layout=ROOT)
    try:
        return _measured(Deployed(bed))
    finally:
        bed.down()


def _measured(fed: Deployed) -> dict[str, Any]:
    fed.well("suspend", "reason=a benchmark")
    fed.fill()
    fed.well("consolidate")
    fed.well("compile")
    expected = fed.consolidated()
    seconds = {
        "deploy from nothing": _timed(fed, expected, lambda: fed.well("deploy")),
        "deploy with nothing to do": _timed(fed, expected, lambda: fed.well("deploy")),
        "status": _timed(fed, expected, lambda: fed.well("status")),
    }
    fed.bed.write(MASTER, "/root/stack.yaml", yaml.safe_dump(_stack(fed)).encode())
    by_hand, ours = [], []
    for _ in range(ROUNDS):
        _clear(fed)
        by_hand.append(_timed(fed, expected, lambda: _by_hand(fed)))
        fed.docker("stack", "rm", STACK)
        _clear(fed)
        ours.append(_timed(fed, expected, lambda: fed.well("deploy")))
    seconds["deploy, the Swarm being there"] = statistics.median(ours)
    seconds["docker stack deploy, the Swarm being there"] = statistics.median(by_hand)
    for what, took in seconds.items():
        print(f"{took:6.1f} s  {what}")
    baseline = statistics.median(by_hand)
    for what in ("deploy from nothing", "deploy, the Swarm being there"):
        print(f"{seconds[what] / baseline:6.2f} x  {what}, against docker stack deploy")
    spread = "  ".join(f"{a:.1f}/{b:.1f}" for a, b in zip(ours, by_hand, strict=True))
    print(f"ours/by hand, each of {ROUNDS} rounds: {spread} s")
    within = (
        seconds["deploy from nothing"] <= FROM_NOTHING
        and seconds["deploy with nothing to do"] <= NOTHING_TO_DO
    )
    print(f"{'within' if within else 'NOT within'} {FROM_NOTHING:.0f} s and {NOTHING_TO_DO:.0f} s")
    return {
        **{what: round(took, 2) for what, took in seconds.items()},
        "rounds": {
            "ours": [round(took, 2) for took in ours],
            "by hand": [round(took, 2) for took in by_hand],
        },
        "within": within,
    }


def _timed(fed: Deployed, expected: object, work: Callable[[], object]) -> float:
    """Seconds until ``work`` is done and everything is served."""
    began = time.monotonic()
    work()
    until(
        lambda: fed.active() == set(fed.workers) and fed.served() == expected,
        seconds=180,
        every=0.2,
        what="every worker and dataset",
    )
    until(lambda: _page(fed), seconds=60, every=0.2, what="the frontend")
    return time.monotonic() - began


def _page(fed: Deployed) -> bool:
    page = f"http://{fed.bed.host(UI).spec.address}/pathologies.json"
    return fed.bed.run("pusher", "curl", "-sf", "-m", "5", page, check=False).returncode == 0


def _clear(fed: Deployed) -> None:
    """No service is there, and none of their containers; nothing answers."""
    fed.well("remove")
    until(
        lambda: not any(fed.bed.docker(node).containers.list() for node in fed.nodes),
        seconds=60,
        what="the containers' end",
    )
    if services := fed.docker("service", "ls", "-q"):
        raise RuntimeError(f"services are left: {services}")
    if fed.active() or _page(fed):
        raise RuntimeError("something still answers")


def _by_hand(fed: Deployed) -> None:
    fed.docker("stack", "deploy", "-c", "/root/stack.yaml", "--resolve-image", "never", STACK)


def _stack(fed: Deployed) -> dict[str, Any]:
    """The services as a compose file would have them."""
    declared = pillar.declaration(fed.bed.specs)
    secrets = {name: of["env"] for name, of in pillar.secrets()["services"].items()}
    services = desired_services(Federation.from_pillar("fed1", declared), secrets)
    network = services[0].network
    return {
        "version": "3.8",
        "services": {service.name: _service(service) for service in services},
        "networks": {network: {"external": True}},
    }


def _service(service: Service) -> Mapping[str, Any]:
    aliases = list(dict.fromkeys([*service.aliases, service.name]))
    return {
        "image": service.image,
        "environment": {
            key: value.reveal() if isinstance(value, Secret) else value
            for key, value in service.env
        },
        **({"command": list(service.command)} if service.command else {}),
        "volumes": [
            {
                "type": "bind",
                "source": mount.source,
                "target": mount.target,
                "read_only": mount.read_only,
                **({"bind": {"propagation": mount.propagation}} if mount.propagation else {}),
            }
            for mount in service.mounts
        ],
        "ports": [
            {"target": port.target, "published": port.published, "mode": "host"}
            for port in service.ports
        ],
        "networks": {service.network: {"aliases": aliases}},
        "deploy": {
            "endpoint_mode": service.endpoint_mode,
            "placement": {"constraints": list(service.constraints)},
            "restart_policy": {"condition": service.restart, "delay": "2s"},
        },
    }


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
