"""With which passwords the database was started: digests of them, never they themselves.

PostgreSQL takes a password from its environment only when its folder is new. Where its service was
removed, nothing is there to compare a changed password with: so each one that a service was made
with is recorded in the master node's state, as a salted, slow digest that only tells whether
another is the same.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Any

from saltext_mip.node.context import NodeContext
from saltext_mip.secret import Secret
from saltext_mip.storage.state import DATABASE_PASSWORDS, StateBroken, read_state, write_state
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.plan import KEPT_PASSWORDS, ServiceItem

_SALT = 16  # bytes
_WORK = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}  # a twentieth of a second for each guess


class DatabasePasswords:
    """Those that were recorded, by service and variable."""

    def __init__(self, context: NodeContext) -> None:
        self._path = context.state / DATABASE_PASSWORDS
        try:
            found = read_state(self._path)
        except StateBroken:  # then nothing is known
            found = None
        self._known: dict[str, Any] = found if isinstance(found, dict) else {}

    def changed(self, service: Service, name: str) -> bool:
        """Whether the service is declared with another value of that variable than was recorded.

        ``False`` where none was.
        """
        value = _value(service, name)
        known = self._known.get(_key(service, name))
        return value is not None and known is not None and not _is_of(known, value)

    def record(self, items: Iterable[ServiceItem]) -> None:
        """What these services were made with, and what those have that run as declared."""
        before = dict(self._known)
        for item in items:
            for short, name in KEPT_PASSWORDS:
                if item.service is None or item.service.short != short:
                    continue
                value = _value(item.service, name)
                key = _key(item.service, name)
                if value and not (key in self._known and _is_of(self._known[key], value)):
                    self._known[key] = _digest(value)
        if self._known != before:
            write_state(self._path, self._known)


def _key(service: Service, name: str) -> str:
    return f"{service.name}:{name}"


def _value(service: Service, name: str) -> Secret | None:
    value = dict(service.env).get(name)
    return value if isinstance(value, Secret) else None


def _digest(value: Secret) -> dict[str, str]:
    salt = secrets.token_bytes(_SALT)
    return {"salt": salt.hex(), "digest": _hashed(value, salt).hex()}


def _is_of(known: Any, value: Secret) -> bool:
    """Whether that is a digest of the value; one that cannot be read is of any."""
    try:
        salt, digest = bytes.fromhex(known["salt"]), bytes.fromhex(known["digest"])
    except (KeyError, TypeError, ValueError):
        return True
    return hmac.compare_digest(_hashed(value, salt), digest)


def _hashed(value: Secret, salt: bytes) -> bytes:
    return hashlib.scrypt(value.reveal().encode(), salt=salt, **_WORK)
