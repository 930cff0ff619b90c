"""Keys of minions, as Salt makes them, and answers signed with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from saltext_mip import signing, wire


@dataclass(frozen=True)
class MinionKey:
    """The private key on the minion, and what the master accepted."""

    private: bytes
    public: str


@cache
def minion_key(node: str) -> MinionKey:
    """A key of that name; the same one for the whole run."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return MinionKey(private, public.decode())


def answer(
    node: str,
    value: Any,
    *,
    signer: str | None = None,
    federation: str = "fed1",
    function: str = "federation_node.inventory",
    nonce: str = "n1",
    failed: bool = False,
) -> dict[str, Any]:
    """What ``node`` answers, signed by ``signer``, which is the node itself unless it is given."""
    question = signing.Question(federation, function, node, nonce)
    page = wire.page(wire.deflate(value))
    key = minion_key(signer or node).private
    return signing.signed(question, page, key, version="1.0", failed=failed)
