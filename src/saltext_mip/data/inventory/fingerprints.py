"""Fingerprints of files that leave a node: nobody without the node's key can test a guess with one.

The SHA-256 and the exact size of a file of three rows are enough to find its values by trying. So a
fingerprint is an HMAC with a key that never leaves the node, and of a file with few rows only the
order of its size is reported. With the key the node, and nobody else, can confirm which content a
fingerprint is of.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Where
from saltext_mip.storage.lock import exclusive
from saltext_mip.storage.state import FINGERPRINT_KEY

PREFIX = "hmac:"  # before it, fingerprints were plain SHA-256

_KEY_BYTES = 32
_KB = 1024


@dataclass(frozen=True)
class Fingerprints:
    """Of one node."""

    key: bytes

    @classmethod
    def load(cls, state: Path) -> Fingerprints:
        """With the node's key, which is made where there is none yet.

        Where none can be written, with one that is forgotten: fingerprints are then others the
        next time. The code that records in that state reports that it cannot be written.
        """
        try:
            return cls(_read(state) or _made(state))
        except OSError:
            return cls(secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def existing(cls, state: Path) -> Fingerprints | None:
        """With the node's key, if it has one. ``OSError`` where it cannot be read."""
        key = _read(state)
        return None if key is None else cls(key)

    def of(self, sha256: str) -> str:
        """Of the content with that SHA-256; "" for a file that could not be read."""
        if not sha256:
            return ""
        return PREFIX + hmac.new(self.key, sha256.encode(), hashlib.sha256).hexdigest()

    def of_file(self, path: Where) -> str:
        """Of a whole file, as it is now. ``OSError``."""
        digest = hashlib.sha256()
        with beneath.opened(path) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return self.of(digest.hexdigest())


def is_keyed(fingerprint: str) -> bool:
    return fingerprint.startswith(PREFIX)


def comparable(one: str, other: str) -> bool:
    """Whether two fingerprints tell if the contents are the same: both are keyed, or neither."""
    return is_keyed(one) == is_keyed(other)


def rounded(size: int) -> str:
    """The order of a size: ``<1 kB``, ``<2 kB``, ``<4 kB`` and so on."""
    limit = 1
    while size >= limit * _KB:
        limit *= 2
    return f"<{limit} kB"


def _read(state: Path) -> bytes | None:
    try:
        with beneath.opened(state / FINGERPRINT_KEY) as file:
            key = file.read(_KEY_BYTES + 1)
    except FileNotFoundError:
        return None
    return key if len(key) == _KEY_BYTES else None  # its writer died


def _made(state: Path) -> bytes:
    with exclusive(state / FINGERPRINT_KEY) as fd:
        key = os.pread(fd, _KEY_BYTES, 0)  # another may have made it meanwhile
        if len(key) < _KEY_BYTES:
            key = secrets.token_bytes(_KEY_BYTES)
            os.ftruncate(fd, 0)
            os.pwrite(fd, key, 0)
            os.fsync(fd)
    return key
