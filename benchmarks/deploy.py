"""A federation's services on a bed of three workers: from nothing, again, and by hand.

The baseline is ``docker stack deploy`` of the same services on the Swarm that is there, with the
same question after it: does the engine answer with every worker?
"""

from __future__ import annotations

import json
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
from saltext_mip.services.service import Service
from saltext_mip.services.wanted import wanted

ROOT = Layout(Path("/var/lib/mip-bed-bench"))
STACK = "by-hand"
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
    seconds = {
        "deploy from nothing": _timed(lambda: fed.well("deploy")),
        "deploy with nothing to do": _timed(lambda: fed.well("deploy")),
        "status": _timed(lambda: fed.well("status")),
    }
    fed.well("remove")
    fed.bed.write(MASTER, "/root/stack.yaml", yaml.safe_dump(_stack(fed)).encode())
    seconds["docker stack deploy, the Swarm being there"] = _timed(lambda: _by_hand(fed))
    for what, took in seconds.items():
        print(f"{took:6.1f} s  {what}")
    within = (
        seconds["deploy from nothing"] <= FROM_NOTHING
        and seconds["deploy with nothing to do"] <= NOTHING_TO_DO
    )
    print(f"{'within' if within else 'NOT within'} {FROM_NOTHING:.0f} s and {NOTHING_TO_DO:.0f} s")
    return {**{what: round(took, 2) for what, took in seconds.items()}, "within": within}


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _by_hand(fed: Deployed) -> None:
    fed.docker("stack", "deploy", "-c", "/root/stack.yaml", "--resolve-image", "never", STACK)
    until(lambda: fed.active() == set(fed.workers), seconds=180, every=0.5, what="the workers")
    page = f"http://{fed.bed.host(UI).spec.address}/pathologies.json"
    until(
        lambda: not fed.bed.run("pusher", "curl", "-sf", page, check=False).returncode,
        seconds=60,
        what="the frontend",
    )


def _stack(fed: Deployed) -> dict[str, Any]:
    """The services as a compose file would have them."""
    declared = pillar.declaration(fed.bed.specs)
    secrets = {name: of["env"] for name, of in pillar.secrets()["services"].items()}
    services = wanted(Federation.from_pillar("fed1", declared), secrets)
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
