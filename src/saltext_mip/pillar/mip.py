"""
An external pillar: secrets that only one node of a federation may know.

``mip:secrets:<federation>`` of the master node, whose Docker runs the services, has the secret part
of their environment (``env``: what ``services.<name>.env`` has in the pusher's own pillar and not
in the node's). A declared node that reports by its grain ``mip_swarm: out`` that it is not in the
Swarm gets the join token (``join``), unless it is disabled. Right after joining, the node has its
pillar compiled without the grain, since the Salt master keeps compiled pillar in its cache; the
deployment that has the node join, or the next refresh, replaces the token.

``mip:swarms:<federation>`` of the other nodes is the id of the federation's Swarm, where there is
one: by it a node knows whose Swarm its Docker is in.

Configuration, which ``salt-run mip.setup`` writes:

.. code-block:: yaml

    ext_pillar:
      - mip: {}
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import salt.pillar

from saltext_mip.bridge.pillar import plain
from saltext_mip.errors import MipError
from saltext_mip.federation import federations
from saltext_mip.generations.store import Store
from saltext_mip.pusher.services import join_token
from saltext_mip.storage.state import StateBroken

__virtualname__ = "mip"

log = logging.getLogger(__name__)


def __virtual__():
    return __virtualname__


def ext_pillar(minion_id, pillar):
    """
    What this minion alone gets: ``{"mip": {"secrets": {federation: {"env", "join"}}, "swarms":
    {federation: id}}}``, or nothing.
    """
    if not _is_node(pillar, minion_id):
        return {}
    try:
        declared = federations(plain(pillar))
    except MipError:
        return {}  # what uses the pillar reports it
    found, swarms = {}, {}
    for name, federation in declared.items():
        node = next((node for node in federation.nodes if node.id == minion_id), None)
        if node is None:
            continue
        secrets = {}
        if node.role == "master":
            secrets["env"] = _environment(name, federation)
        else:
            if cluster := _swarm_id(federation):
                swarms[name] = cluster
            if __grains__.get("mip_swarm") == "out":
                token = _join_token(federation, minion_id)
                if token is not None:
                    secrets["join"] = token.reveal()
        if secrets:
            found[name] = secrets
    parts = {"secrets": found, "swarms": swarms}
    mine = {key: value for key, value in parts.items() if value}
    return {"mip": mine} if mine else {}


def _swarm_id(federation):
    try:
        return join_token.cluster(federation.state(Path(__opts__["root_dir"])))
    except (StateBroken, OSError) as exc:
        log.error("The Swarm of %s is not known: %s", federation.name, exc)
        return None


def _join_token(federation, minion_id):
    """The join token for a node that is not disabled; recorded as used."""
    state = federation.state(Path(__opts__["root_dir"]))
    try:
        if minion_id in Store(state).disabled():
            return None
        return join_token.hand_out(state)
    except (StateBroken, OSError) as exc:
        log.error("The join token of %s cannot be given to %s: %s", federation.name, minion_id, exc)
        return None


def _is_node(pillar, minion_id):
    """
    Whether any federation names this minion: for all others the declaration is not checked.
    """
    mip = pillar.get("mip")
    declared = mip.get("federations") if isinstance(mip, Mapping) else None
    found = declared.values() if isinstance(declared, Mapping) else ()
    return any(
        isinstance(each, Mapping)
        and isinstance(each.get("nodes"), Mapping)
        and minion_id in each["nodes"]
        for each in found
    )


def _environment(name, known):
    """The services' environment that the pusher's own pillar has and the node's has not."""
    opts = {**__opts__, "ext_pillar": [], "pillar": {}, "pillar_safe_render_error": False}
    compiled = salt.pillar.Pillar(opts, {}, __opts__["id"], "base").compile_pillar()
    if errors := compiled.get("_errors"):
        log.error("The pusher's own pillar does not compile: %s", "; ".join(map(str, errors)))
        return {}
    try:
        own = federations(plain(compiled))[name]
    except (MipError, KeyError):
        return {}
    out = {}
    for service, settings in own.settings["services"].items():
        if not isinstance(settings, dict):
            continue
        there = known.settings["services"].get(service) or {}
        shared = there.get("env", {})
        env = {
            key: value
            for key, value in settings.get("env", {}).items()
            if key not in shared or shared[key] != value
        }
        if env:
            out[service] = env
    return out
