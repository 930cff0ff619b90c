"""Hosts, tokens and signed links, also forged ones."""

from __future__ import annotations

import base64
import hashlib

import pytest

from saltext_mip.watch.page.access import host_of, is_token, key_of, linked_node, sign, token_of

KEY = bytes(range(32))
LINK = sign(KEY, "fed1", "fed1-wk-h2", 1000)


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("mip.example:8480", "mip.example"),
        ("LocalHost", "localhost"),
        ("[::1]:8480", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
    ],
)
def test_a_host_is_compared_without_its_port(header: str, host: str) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    "header",
    [
        "Bearer t0ken",
        "bearer  t0ken",
        "Basic " + base64.b64encode(b"anna:t0ken").decode(),
        "Basic " + base64.b64encode(b":t0ken").decode(),
    ],
)
def test_a_token_is_a_bearers_or_a_password(header: str) -> None:
    digest = hashlib.sha256(b"t0ken").hexdigest()
    assert is_token(token_of(header), digest)
    assert not is_token(token_of(header) + "x", digest)


@pytest.mark.parametrize("header", ["", "Basic", "Basic %%%", "Basic /w==", "Digest t0ken"])
def test_what_is_no_token_is_empty(header: str) -> None:
    assert token_of(header) == ""


def test_a_link_is_for_its_node_until_its_time_is_over() -> None:
    assert linked_node(KEY, "fed1", LINK, 999) == "fed1-wk-h2"
    assert linked_node(KEY, "fed1", LINK, 1000) is None


def test_a_link_of_another_federation_or_key_is_none() -> None:
    assert linked_node(KEY, "fed2", LINK, 0) is None
    assert linked_node(bytes(32), "fed1", LINK, 0) is None
    assert linked_node(None, "fed1", LINK, 0) is None


def test_no_changed_link_is_one() -> None:
    other = sign(KEY, "fed1", "fed1-wk-h1", 9999)
    forged = f"{other.partition('.')[0]}.{LINK.partition('.')[2]}"
    for text in (forged, "", ".", "a", "a.b", "é.b", LINK[:-2], LINK + "AAAA"):
        assert linked_node(KEY, "fed1", text, 0) is None
    for index in range(len(LINK) - 1):  # the last character has bits that do not count
        changed = LINK[:index] + ("A" if LINK[index] != "A" else "B") + LINK[index + 1 :]
        assert linked_node(KEY, "fed1", changed, 0) is None


@pytest.mark.parametrize("text", ["", "\n", "not a key", "0"])
def test_what_is_no_key_signs_nothing(text: str) -> None:
    assert key_of(text) is None
    assert linked_node(key_of(text), "fed1", LINK, 0) is None
    assert key_of(f"{KEY.hex()}\n") == KEY
