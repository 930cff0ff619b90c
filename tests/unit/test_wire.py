"""Values of any size: they arrive whole, or are an error."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext_mip import wire

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda of: st.lists(of) | st.dictionaries(st.text(), of),
)


def pages_of(value: Any) -> list[dict[str, Any]]:
    text = wire.deflate(value)
    first = wire.page(text)
    return [json.loads(json.dumps(wire.page(text, number))) for number in range(first["pages"])]


def large() -> list[int]:
    """What deflate cannot make small: over two pages."""
    state, out = 1, []
    for _ in range(200_000):
        state = state * 6364136223846793005 % 2**64
        out.append(state)
    return out


@given(values)
def test_a_value_comes_back(value: Any) -> None:
    assert wire.whole([wire.check_page(page) for page in pages_of(value)]) == value
    assert wire.unpack(wire.pack(value)) == value


def test_a_large_value_goes_in_pages_of_small_strings() -> None:
    pages = pages_of(large())
    assert len(pages) > 2
    assert all(len(part) <= wire.PART for page in pages for part in page["parts"])
    assert wire.whole(pages) == large()


def test_pages_that_do_not_belong_together_are_an_error() -> None:
    pages = pages_of(large())
    for wrong in (pages[:-1], [*pages[1:], pages[0]], [*pages[:-1], pages[0]]):
        with pytest.raises(wire.Damaged):
            wire.whole(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": ["VALUE_TRIMMED"]},
        {"parts": "VALUE_TRIMMED"},
        {"parts": [1]},
        {"pages": 0},
        {"pages": 10**9},
        {"sha256": None},
        {"mip": 2},
    ],
)
def test_what_salt_trimmed_or_a_node_made_up_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(wire.Damaged):
        wire.check_page({**pages_of([1])[0], **change})


def test_a_small_text_that_becomes_huge_is_refused() -> None:
    bomb = wire.deflate("a" * 100_000)
    with pytest.raises(wire.Damaged):
        wire.inflate(bomb, limit=10_000)


@pytest.mark.parametrize("text", ["", "~~~", "not base 85 \x00", wire.deflate([1])[:-5]])
def test_what_is_not_packed_is_an_error(text: str) -> None:
    with pytest.raises(wire.Damaged):
        wire.inflate(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[NaN]",
        "[-Infinity]",
        '{"a": 1',
        r'["\ud800"]',
        r'["\\\uDC1b"]',
        '["\udc80"]',
    ],
)
def test_what_is_no_json_or_too_deep_or_half_a_character_is_damaged(text: str) -> None:
    data = base64.b85encode(zlib.compress(text.encode("utf-8", "surrogatepass"))).decode()
    with pytest.raises(wire.Damaged):
        wire.inflate(data)


def test_a_backslash_and_words_like_an_escape_arrive() -> None:
    value = ["\\ud800", "\\\\", "\x00\u2028", "\U0001f600"]
    assert wire.inflate(wire.deflate(value)) == value
