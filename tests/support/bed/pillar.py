"""The pillar of the bed's federation: what its operator would have written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from tests.support.bed.layout import FEDERATION, HostSpec

# What the real portal needs and nothing on this machine can play.
WITHOUT_A_PART = ("portalbackend", "gateway", "galaxy")

CLOCK = 20  # how much faster than the real one the engine's clock is

TOP = """\
base:
  # the runners read the pillar of the master's own id
  'pusher_master':
    - mip.{federation}
    - mip.{federation}-secrets
  '{federation}-*':
    - mip.{federation}
"""

HEADER = """\
# The federation of the bed. Services that have no real part on this machine are switched off
# below `services`: {off}. The kernel has no ESP, so the overlay is not encrypted.
"""


def declaration(
    hosts: tuple[HostSpec, ...], settle: float | None = None, clock: float = CLOCK
) -> dict[str, Any]:
    """The value of mip:federations:<fed>; ``clock`` is how much faster engines are."""
    nodes: dict[str, dict[str, str]] = {}
    for host in hosts:
        if host.role == "pusher":
            continue
        nodes[host.name] = {"role": host.role, "address": host.address}
        if host.role == "worker":
            hospital = host.name.rpartition("-")[2]
            nodes[host.name] |= {"hospital": hospital, "contact": f"it@{hospital}.example"}
    services: dict[str, Any] = dict.fromkeys(WITHOUT_A_PART, False)
    # the real frontend asks the portal's backend; the bed's reads the file itself
    # engines take more than a minute to start: here their clock is faster
    for name in ("exareme-master", "exareme"):
        services[name] = {"env": {"ENGINE_CLOCK": str(clock)}}
    services["frontend"] = {
        "mounts": ["/opt/mip-deployment/Federation/config:/opt/portal/api:ro"],
    }
    value: dict[str, Any] = {
        "nodes": nodes,
        "services": services,
        "swarm": {"network": {"encrypted": False}},
        "watch": {"every": 0},
    }
    if settle is not None:
        value["reactor"] = {"settle": settle}
    return value


def secrets(keycloak: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What stands in the pusher's own file."""
    password = "a password of the bed's"
    value: dict[str, Any] = {
        "services": {
            "portalbackend_db": {"env": {"POSTGRES_PASSWORD": password}},
            "create_dbs": {"env": {"DB_ADMIN_PASSWORD": password, "PASSWORD4": "portal's own"}},
        }
    }
    if keycloak is not None:
        value["keycloak"] = dict(keycloak)
    return value


def render(value: Mapping[str, Any], *, comment: str = "") -> str:
    """One pillar file, of plain YAML."""
    tree = {"mip": {"federations": {FEDERATION: json.loads(json.dumps(value))}}}
    return comment + yaml.safe_dump(tree, sort_keys=False, default_flow_style=False)


def header() -> str:
    """What the federation's file says of itself."""
    return HEADER.format(off=", ".join(WITHOUT_A_PART))


def files(
    hosts: tuple[HostSpec, ...],
    *,
    settle: float | None = None,
    clock: float = CLOCK,
    keycloak: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The pillar's files by their path below the pillar's root."""
    return {
        "top.sls": TOP.format(federation=FEDERATION),
        f"mip/{FEDERATION}.sls": render(declaration(hosts, settle, clock), comment=header()),
        f"mip/{FEDERATION}-secrets.sls": render(secrets(keycloak)),
    }
