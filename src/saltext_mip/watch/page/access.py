"""Who may read the page: the host that a request names, its token, and signed links. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json

KEY = 32  # bytes of the key that signs links
_PURPOSE = b"saltext-mip link to a part of the status page"


def host_of(header: str) -> str:
    """The host of a request's ``Host``, without its port: a tunnel's is any."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def token_of(header: str) -> str:
    """The token of a request's ``Authorization``: a bearer's, or the password of any user."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def is_token(token: str, sha256: str) -> bool:
    """Whether it is the token of that digest; takes as long for each wrong one."""
    found = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    return hmac.compare_digest(found, sha256.lower())


def key_of(text: str) -> bytes | None:
    """The key that its file has; ``None``: the file is empty, or has something else."""
    try:
        return bytes.fromhex(text.strip()) or None
    except ValueError:
        return None


def sign(key: bytes, federation: str, node: str, until: int) -> str:
    """What a link to the part of ``node`` has in its path; ``until``: seconds since the epoch."""
    claim = json.dumps([node, until], separators=(",", ":")).encode()
    return f"{_text(claim)}.{_text(_signature(key, federation, claim))}"


def linked_node(key: bytes | None, federation: str, text: str, now: float) -> str | None:
    """The node that a signed link is for; ``None``: it was not signed so, or its time is over."""
    claimed, _, signed = text.partition(".")
    try:
        claim, signature = _bytes(claimed), _bytes(signed)
    except (binascii.Error, ValueError):
        return None
    if key is None or not hmac.compare_digest(_signature(key, federation, claim), signature):
        return None
    node, until = json.loads(claim)  # it is ours
    return str(node) if now < until else None


def _signature(key: bytes, federation: str, claim: bytes) -> bytes:
    message = b"\0".join((_PURPOSE, federation.encode(), claim))
    return hmac.new(key, message, hashlib.sha256).digest()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
