"""Operators' overrides on the pusher, which automation respects until an operator ends them.

Disabled nodes take no part in the federation's work; a suspended federation changes only by an
operator's command. Overrides of services are in the master node's state (``node/services``); of
drained nodes there is a copy here, since the controller acts when one ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import to_builtins

from saltext_mip.results import Override
from saltext_mip.storage.state import (
    DISABLED_NODES,
    DRAINED_NODES,
    SUSPENDED,
    decode_state,
    read_state,
    remove_state,
    write_state,
)


class Overrides:
    """The overrides in the folder ``state``."""

    def __init__(self, state: Path) -> None:
        self._disabled = state / DISABLED_NODES
        self._drained = state / DRAINED_NODES
        self._suspended = state / SUSPENDED

    def disabled(self) -> dict[str, Override]:
        """The disabled nodes, by minion id."""
        found = read_state(self._disabled) or {}
        return {node: decode_state(Override, value) for node, value in found.items()}

    def disable(self, node: str, override: Override) -> bool:
        """Disable a node; False if it is disabled, and then the first override is kept."""
        found = self.disabled()
        if node in found:
            return False
        return self._write_disabled({**found, node: override})

    def enable(self, node: str) -> bool:
        """Enable a node; False if it is enabled."""
        found = self.disabled()
        if node not in found:
            return False
        return self._write_disabled({name: each for name, each in found.items() if name != node})

    def drained(self) -> dict[str, Override]:
        """The drained nodes, by minion id, as the master node last reported them."""
        found = read_state(self._drained) or {}
        return {node: decode_state(Override, value) for node, value in found.items()}

    def remember_drained(self, overrides: Mapping[str, Override]) -> bool:
        """Record the drained nodes; False if they are recorded already."""
        if not overrides and not self.drained():
            return False
        return write_state(self._drained, to_builtins(overrides))

    def suspended(self) -> Override | None:
        """The suspension; whether it expired (``until``) is for the caller to check."""
        found = read_state(self._suspended)
        return None if found is None else decode_state(Override, found)

    def suspend(self, override: Override) -> bool:
        """Suspend the federation; False if the same suspension is in force."""
        return write_state(self._suspended, to_builtins(override))

    def resume(self) -> bool:
        """End the suspension; False if there is none."""
        found = self.suspended() is not None
        remove_state(self._suspended)
        return found

    def _write_disabled(self, overrides: Mapping[str, Override]) -> bool:
        return write_state(self._disabled, to_builtins(overrides))
