"""An answer is genuine for the question that its node was asked, whole, and for nothing else."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from saltext_mip import signing, wire
from saltext_mip.errors import NodeError
from tests.support.minion_keys import answer, minion_key

ASKED = signing.Question("fed1", "federation_node.inventory", "fed1-wk-h1", "n1")


def genuine(value: Any, question: signing.Question = ASKED) -> signing.SignedPage | None:
    return signing.genuine(question, value, minion_key("fed1-wk-h1").public)


def test_the_answer_of_the_node_is_genuine_and_arrives_as_it_was_sent() -> None:
    page = genuine(answer("fed1-wk-h1", {"rows": 12}))
    assert page is not None
    assert wire.inflate("".join(page.parts)) == {"rows": 12}
    assert (page.failed, page.version) == (False, "1.0")


@pytest.mark.parametrize(
    "other",
    [
        {"federation": "fed2"},
        {"function": "federation_node.verify"},
        {"node": "fed1-wk-h2"},
        {"nonce": "n2"},
    ],
)
def test_a_genuine_answer_to_another_question_is_refused(other: dict[str, str]) -> None:
    assert genuine(answer("fed1-wk-h1", 1), replace(ASKED, **other)) is None


def test_an_answer_that_another_minion_signed_is_refused() -> None:
    assert genuine(answer("fed1-wk-h1", 1, signer="fed1-wk-h2")) is None


@pytest.mark.parametrize(
    "change",
    [
        {"parts": answer("fed1-wk-h1", 2)["parts"]},
        {"failed": True},
        {"version": "2.0"},
        {"sha256": "0" * 64},
        {"page": 1, "pages": 2},
        {"pages": 2},
        {"signature": ""},
        {"signature": "not base 64"},
        {"signature": base64.b64encode(b"x" * 256).decode()},
        {"signature": None},
        {"parts": "text"},
        {"parts": [1]},
        {"parts": ["x"] * 1000},
        {"parts": ["x" * (wire.PART + 1)]},
        {"page": -1},
        {"page": True},
        {"pages": 10**9},
        {"mip": 2},
        {"version": "x" * 101},
        {"more": 1},
    ],
)
def test_an_answer_that_was_changed_or_has_another_format_is_refused(change: Any) -> None:
    assert genuine({**answer("fed1-wk-h1", 1), **change}) is None


@pytest.mark.parametrize("value", [None, 1, "text", [], {}, {"signature": "x"}, {"mip": 1}])
def test_a_value_that_is_no_signed_page_is_refused(value: Any) -> None:
    assert genuine(value) is None


@pytest.mark.parametrize("public", ["", "no key", "-----BEGIN PUBLIC KEY-----\n"])
def test_nothing_is_genuine_for_a_key_that_is_none(public: str) -> None:
    assert signing.genuine(ASKED, answer("fed1-wk-h1", 1), public) is None


def test_a_signature_with_the_padding_and_hash_that_salt_uses_is_refused() -> None:
    """What a minion signs for Salt itself can never pass as an answer."""
    value = answer("fed1-wk-h1", 1)
    key: Any = serialization.load_pem_private_key(minion_key("fed1-wk-h1").private, None)
    for hash_ in (hashes.SHA1(), hashes.SHA224(), hashes.SHA256()):
        statement = signing._statement(ASKED, value)
        signature = key.sign(statement, padding.PKCS1v15(), hash_)
        assert genuine({**value, "signature": base64.b64encode(signature).decode()}) is None


def test_a_node_whose_key_is_not_rsa_says_so() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(NodeError, match="RSA"):
        signing.signed(ASKED, wire.page(wire.deflate(1)), pem, version="1.0")
