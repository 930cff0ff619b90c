"""What Salt's master knows of a node without a usable answer: its keys, connection, last contact.

Facts only. What they come to is decided by :mod:`~saltext_mip.pusher.reachability`.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import salt.cache
import salt.utils.crypt
import salt.utils.network
from salt.exceptions import SaltCacheError

from saltext_mip.bridge.master import job_cache_problems
from saltext_mip.pusher.reachability import Evidence, Key
from saltext_mip.pusher.status.pusher_state import probe

MASTER_SOCKET = "master_event_pull.ipc"
_STATES = ("accepted", "pending", "rejected")


class Presence:
    """The facts about the minions of the master with these ``opts``.

    ``addresses`` are the declared ones, by minion id; ``heard`` returns when each was last heard of
    by this program.
    """

    def __init__(
        self,
        opts: Mapping[str, Any],
        keys: Any,
        addresses: Mapping[str, str],
        heard: Callable[[], Mapping[str, datetime]] = dict,
    ) -> None:
        self._opts = opts
        self._keys = keys
        self._declared = addresses
        self._heard = heard
        self._cache = salt.cache.Cache(dict(opts))

    def completed(self, evidence: Mapping[str, Evidence]) -> dict[str, Evidence]:
        """The evidence of the job with what the master knows of these nodes."""
        if not evidence:
            return {}
        connected = self._connected()
        addresses = {node: self._addresses(node) for node in {*self._declared, *evidence}}
        heard = self._heard()
        return {
            node: replace(
                each,
                key=self.key(node),
                connected=connection(node, addresses, connected),
                addresses=tuple(filter(None, [self._declared.get(node)])),
                started=self._started(),
                contact=max(
                    filter(None, [self._updated("grains", node), heard.get(node)]), default=None
                ),
            )
            for node, each in evidence.items()
        }

    def faults(self) -> list[str]:
        """What is in the way on the pusher itself, of what makes all nodes silent at once."""
        found = [problem.message for problem in job_cache_problems(self._opts)]
        for folder in (self._opts["cachedir"], self._opts["sock_dir"]):
            try:
                probe(Path(folder))
            except OSError as exc:
                found.append(f"{folder} cannot be written: {exc.strerror}")
        if self._connected() == frozenset():
            found.append(f"no minion is connected to its port {self._opts['publish_port']}")
        return found

    def key(self, node: str) -> Key:
        """The key of a minion, from wherever this Salt master keeps it."""
        found = self._keys.fetch("keys", node) or {}
        state = found.get("state")
        own = found.get("pub", "")
        denied = [key for key in self._keys.fetch("denied_keys", node) or () if key != own]
        return Key(
            state if state in _STATES else "none",
            self._fingerprint(own),
            self._fingerprint(denied[-1]) if denied else "",
            _moment(self._keys.updated("denied_keys", node)) if denied else None,
        )

    def _fingerprint(self, pem: str) -> str:
        """As ``key.finger`` shows it on the node. ``salt-key -F`` of Salt 3008 does not."""
        lines = [line for line in pem.splitlines(keepends=True) if line.strip()][1:-1]
        if not lines:
            return ""
        text = "".join(lines).replace("\r\n", "\n")
        return str(salt.utils.crypt.pem_finger(key=text, sum_type=self._opts["hash_type"]))

    def _connected(self) -> frozenset[str] | None:
        """Addresses with a connection to the master's publisher; ``None`` if that is not known."""
        try:
            found = salt.utils.network.local_port_tcp(int(self._opts["publish_port"]))
        except (OSError, ValueError, subprocess.CalledProcessError):
            return None
        return frozenset(str(each).removeprefix("::ffff:") for each in found)

    def _addresses(self, node: str) -> frozenset[str]:
        """The addresses that a minion may connect from: the declared one, and those it reported."""
        try:
            grains = self._cache.fetch("grains", node) or {}
        except SaltCacheError:
            grains = {}
        own = [self._declared.get(node), *grains.get("ipv4", ()), *grains.get("ipv6", ())]
        return frozenset(each for each in own if each)

    def _updated(self, bank: str, node: str) -> datetime | None:
        """When a minion last sent its grains, as it does when it starts."""
        try:
            # Salt logs a warning for a node of which there is nothing
            found = self._cache.contains(bank, node)
            return _moment(self._cache.updated(bank, node)) if found else None
        except SaltCacheError:
            return None

    def _started(self) -> datetime | None:
        """When the master started: it makes this socket then."""
        try:
            return _moment((Path(self._opts["sock_dir"]) / MASTER_SOCKET).stat().st_mtime)
        except OSError:
            return None


def connection(
    node: str, addresses: Mapping[str, Iterable[str]], connected: frozenset[str] | None
) -> bool | None:
    """Whether a node has a connection; ``None`` where that is not known.

    An address that several nodes have tells nothing, and one that no node has may be that of a
    router before this one.
    """
    if connected is None:
        return None
    count = Counter(each for of in addresses.values() for each in set(of))
    own = frozenset(addresses[node])
    if any(count[each] == 1 for each in connected & own):
        return True
    if connected & own or connected - count.keys():
        return None
    return False


def _moment(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
