"""What is sealed for the pusher is opened by its key, and by no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from saltext_mip import sealing
from saltext_mip.errors import BadAnswer
from saltext_mip.sealing import Binding
from saltext_mip.secret import Secret

TOKEN = "SWMTKN-1-canary"
BINDING = Binding("fed1", "fed1-ms", "join token")


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
FOREIGN = sealing.sealed(Secret(TOKEN), keys()[1], BINDING)


def test_it_is_opened_by_its_key() -> None:
    sealed = sealing.sealed(Secret(TOKEN), PUBLIC, BINDING)
    assert TOKEN not in sealed
    assert sealing.opened(sealed, PRIVATE, binding=BINDING).reveal() == TOKEN
    assert sealing.sealed(Secret(TOKEN), PUBLIC, BINDING) != sealed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b.c",
        sealing.sealed(Secret(TOKEN), keys()[1], BINDING),
        sealing.sealed(Secret("x"), PUBLIC, BINDING)[:-8],
    ],
    ids=["empty", "no dot", "three parts", "for another", "cut off"],
)
def test_what_is_not_of_the_shape_is_not_believed(text: str) -> None:
    with pytest.raises(BadAnswer, match="fed1-ms"):
        sealing.opened(text, PRIVATE, binding=BINDING)


@pytest.mark.parametrize(
    "other", [{"federation": "fed2"}, {"node": "fed1-wk-chuv"}, {"purpose": "password"}]
)
def test_it_is_opened_as_nothing_else_than_what_it_is(other: dict[str, str]) -> None:
    sealed = sealing.sealed(Secret(TOKEN), PUBLIC, replace(BINDING, **other))
    with pytest.raises(BadAnswer, match="join token that it sealed"):
        sealing.opened(sealed, PRIVATE, binding=BINDING)
