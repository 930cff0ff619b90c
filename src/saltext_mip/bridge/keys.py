"""The accepted public keys of minions, from wherever this Salt master keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import salt.cache


class AcceptedKeys:
    """Called with a minion id: its public key; ``None`` if no key of that name is accepted.

    It is read each time: a key may be deleted or replaced while a command runs.
    """

    def __init__(self, opts: Mapping[str, Any]) -> None:
        self._cache = salt.cache.Cache(opts, driver=opts["keys.cache_driver"])

    def __call__(self, node: str) -> str | None:
        found = self._cache.fetch("keys", node)
        return str(found["pub"]) if found and found.get("state") == "accepted" else None
