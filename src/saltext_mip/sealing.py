"""A secret on a bus that others can read: sealed for the owner of one key.

A fresh AES key encrypts (GCM), RSA (OAEP, SHA-256) wraps it for the recipient: for the pusher,
whose public key every minion has.
"""

from __future__ import annotations

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from saltext_mip.errors import BadAnswer, NodeError
from saltext_mip.secret import Secret

_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_NONCE = 12


def sealed(secret: Secret, public_pem: bytes) -> str:
    """``secret`` for the owner of that RSA key, in base 64 with a dot between its two parts."""
    key = serialization.load_pem_public_key(public_pem)
    if not isinstance(key, rsa.RSAPublicKey):
        raise NodeError("the Salt master's public key is not an RSA key")
    inner, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
    body = nonce + AESGCM(inner).encrypt(nonce, secret.reveal().encode(), None)
    parts = (key.encrypt(inner, _OAEP), body)
    return ".".join(base64.b64encode(part).decode("ascii") for part in parts)


def opened(text: str, private_pem: bytes, passphrase: str | None = None, *, node: str) -> Secret:
    """What was sealed; :class:`~saltext_mip.errors.BadAnswer` where it was not for that key."""
    key = serialization.load_pem_private_key(
        private_pem, passphrase.encode() if passphrase else None
    )
    try:
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError
        wrapped, body = (base64.b64decode(part, validate=True) for part in text.split("."))
        inner = key.decrypt(wrapped, _OAEP)
        return Secret(AESGCM(inner).decrypt(body[:_NONCE], body[_NONCE:], None).decode())
    except (ValueError, InvalidTag):
        raise BadAnswer(
            "what it sealed cannot be opened with the master's key", node=node
        ) from None
