"""Who answered: a node signs each answer with its minion's own key, and the pusher verifies it.

Salt's job cache and event bus do not attest the sender: a minion with an accepted key can write
another's return. So the signature covers the question (federation, function, node, a nonce that
the pusher chose for this job) and a digest of what is answered. A genuine answer of another job,
function, node or federation does not verify.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from saltext_mip import wire
from saltext_mip.errors import NodeError

# Salt signs with the same key: what is signed here begins with a text that Salt never signs, and
# uses a padding and a hash that Salt does not.
PURPOSE = "saltext-mip answer 1"
_PADDING = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
_MOST_PARTS = wire.PAGE // wire.PART + 1
_LONGEST = 4000  # characters of a signature
_LONGEST_VERSION = 100


@dataclass(frozen=True)
class Question:
    """What a node was asked: the signature of its answer is valid for nothing else."""

    federation: str
    function: str
    node: str
    nonce: str


@dataclass(frozen=True)
class SignedPage:
    """One page of an answer as it is sent: a page of :mod:`~saltext_mip.wire`, and whose it is.

    ``failed``: the packed value is the text of an error. ``version`` is that of this package on
    the node.
    """

    mip: int
    sha256: str
    page: int
    pages: int
    parts: list[str]
    failed: bool
    version: str
    signature: str


def signed(
    question: Question,
    page: Mapping[str, Any],
    private_pem: bytes,
    *,
    version: str,
    failed: bool = False,
) -> dict[str, Any]:
    """A page of :func:`saltext_mip.wire.page` with what makes it a :class:`SignedPage`."""
    # It is the node's own key, which Salt made: to check that its factors are primes takes from
    # 0.1 s to 0.5 s, a signature 0.3 ms to 4 ms.
    key = serialization.load_pem_private_key(private_pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise NodeError("the minion's key is not an RSA key: its answers cannot be signed")
    answer = {**page, "failed": failed, "version": version}
    signature = key.sign(_statement(question, answer), _PADDING, hashes.SHA256())
    return {**answer, "signature": base64.b64encode(signature).decode("ascii")}


def genuine(question: Question, value: Any, public_pem: str) -> SignedPage | None:
    """The page, if the owner of that key answered this question with it; else ``None``."""
    key = _public_key(public_pem)
    if key is None or not _is_signed_page(value):
        return None
    try:
        signature = base64.b64decode(value["signature"], validate=True)
        key.verify(signature, _statement(question, value), _PADDING, hashes.SHA256())
    except (ValueError, InvalidSignature):
        return None
    return SignedPage(**value)


def is_signed(value: Any) -> bool:
    """Whether the value claims to be a signed answer."""
    return isinstance(value, Mapping) and "signature" in value


def _is_signed_page(value: Any) -> bool:
    """Whether the value has the format and the size of a :class:`SignedPage`."""
    if not isinstance(value, dict) or value.keys() != SignedPage.__dataclass_fields__.keys():
        return False
    numbers = [value[key] for key in ("mip", "page", "pages")]
    texts = [value[key] for key in ("sha256", "version", "signature")]
    parts = value["parts"]
    return (
        all(type(number) is int for number in numbers)
        and all(isinstance(text, str) for text in texts)
        and isinstance(value["failed"], bool)
        and isinstance(parts, list)
        and len(parts) <= _MOST_PARTS
        and all(isinstance(part, str) and len(part) <= wire.PART for part in parts)
        and len(value["version"]) <= _LONGEST_VERSION
        and len(value["signature"]) <= _LONGEST
        and len(value["sha256"]) == 64
        and value["mip"] == 1
        and 0 <= value["page"] < value["pages"] <= wire.MOST_PAGES
    )


def _statement(question: Question, page: Mapping[str, Any]) -> bytes:
    """What is signed: the question, and all of the page."""
    digest = hashlib.sha256("".join(page["parts"]).encode("utf-8", "surrogatepass")).hexdigest()
    return json.dumps(
        [
            PURPOSE,
            question.federation,
            question.function,
            question.node,
            question.nonce,
            page["version"],
            page["failed"],
            page["sha256"],
            page["page"],
            page["pages"],
            digest,
        ]
    ).encode("ascii")


@lru_cache(maxsize=4096)
def _public_key(pem: str) -> rsa.RSAPublicKey | None:
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None
