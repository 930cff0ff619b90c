"""A secret on a bus that others can read: sealed for the owner of one key.

A fresh AES key encrypts (GCM), RSA (OAEP, SHA-256) wraps it for the recipient: for the pusher,
whose public key every minion has. The text is bound to its federation, its sender and its purpose:
as anything else it does not open. Who sent it is attested by the signature of the answer that it is
part of (:mod:`~saltext_mip.signing`).
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from saltext_mip.errors import BadAnswer, NodeError
from saltext_mip.secret import Secret

_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_NONCE = 12

JOIN_PURPOSE = "join token"


@dataclass(frozen=True)
class Binding:
    """What a sealed text is: ``node`` sealed it, for ``purpose``."""

    federation: str
    node: str
    purpose: str

    @property
    def authenticated(self) -> bytes:
        """What the cipher authenticates beside the secret."""
        parts = ["saltext-mip sealed 1", self.federation, self.node, self.purpose]
        return json.dumps(parts).encode("ascii")


def sealed(secret: Secret, public_pem: bytes, binding: Binding) -> str:
    """``secret`` for the owner of that RSA key, in base 64 with a dot between its two parts."""
    key = serialization.load_pem_public_key(public_pem)
    if not isinstance(key, rsa.RSAPublicKey):
        raise NodeError("the Salt master's public key is not an RSA key")
    inner, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
    body = nonce + AESGCM(inner).encrypt(nonce, secret.reveal().encode(), binding.authenticated)
    parts = (key.encrypt(inner, _OAEP), body)
    return ".".join(base64.b64encode(part).decode("ascii") for part in parts)


def opened(
    text: str, private_pem: bytes, passphrase: str | None = None, *, binding: Binding
) -> Secret:
    """What was sealed; :class:`~saltext_mip.errors.BadAnswer` where it was for another key, or is
    something else."""
    key = serialization.load_pem_private_key(
        private_pem, passphrase.encode() if passphrase else None
    )
    try:
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError
        wrapped, body = (base64.b64decode(part, validate=True) for part in text.split("."))
        inner = key.decrypt(wrapped, _OAEP)
        nonce, encrypted = body[:_NONCE], body[_NONCE:]
        return Secret(AESGCM(inner).decrypt(nonce, encrypted, binding.authenticated).decode())
    except (ValueError, InvalidTag):
        raise BadAnswer(
            f"the {binding.purpose} that it sealed cannot be opened with the master's key",
            node=binding.node,
        ) from None
