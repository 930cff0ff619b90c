"""What is sealed for the pusher is opened by its key, and by no other."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from saltext_mip import sealing
from saltext_mip.errors import BadAnswer
from saltext_mip.secret import Secret

TOKEN = "SWMTKN-1-canary"


def keys() -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


PRIVATE, PUBLIC = keys()
FOREIGN = sealing.sealed(Secret(TOKEN), keys()[1])


def test_it_is_opened_by_its_key() -> None:
    sealed = sealing.sealed(Secret(TOKEN), PUBLIC)
    assert TOKEN not in sealed
    assert sealing.opened(sealed, PRIVATE, node="fed1-ms").reveal() == TOKEN
    assert sealing.sealed(Secret(TOKEN), PUBLIC) != sealed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b.c",
        sealing.sealed(Secret(TOKEN), keys()[1]),
        sealing.sealed(Secret("x"), PUBLIC)[:-8],
    ],
    ids=["empty", "no dot", "three parts", "for another", "cut off"],
)
def test_what_is_not_of_the_shape_is_not_believed(text: str) -> None:
    with pytest.raises(BadAnswer, match="fed1-ms"):
        sealing.opened(text, PRIVATE, node="fed1-ms")
