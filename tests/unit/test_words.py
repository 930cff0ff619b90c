"""The check of the vocabulary finds names, comments, strings, and leaves everything else."""

from __future__ import annotations

import pytest
from tools.check_words import uses


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("was_told = 1\n", ["told"]),
        ("class LastWish: pass\n", ["Wish"]),
        ("def f(look: Look) -> None: ...\n", ["Look"]),
        ("x = 1  # made anew\n", ["anew"]),
        ('"""What is amiss."""\n', ["amiss"]),
        ("raise E(f'mend {x}')\n", ["mend"]),
        ("WORDS = look('told' 'again')\n", ["told"]),
        ("# Look again. A word.\nword = commend(stolid, unsaid, golden)\n", []),
        ('"""A recommendation, amended."""\n', []),
    ],
)
def test_a_word_is_found_where_it_is_one(text: str, found: list[str]) -> None:
    assert [word for _, word, _ in uses(text)] == found


def test_a_use_is_named_with_its_line() -> None:
    assert next(uses("a = 1\nb = 2  # told\n")) == (2, "told", "reported, recorded")
