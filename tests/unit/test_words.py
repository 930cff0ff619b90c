"""The check of the vocabulary finds names, comments, strings, and leaves everything else."""

from __future__ import annotations

import pytest
from tools.check_words import PHRASES, main, messages, phrases, prose, uses


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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nobody listens on its socket", ["nobody listens"]),
        ("the old one goes\non as it was", ["goes on"]),
        ("Put it back; it does not answer.", ["does not answer", "Put it back"]),
        ("salt-run mip.approve lets it go.", ["lets it go"]),
        ("the Salt master node", ["Salt master node"]),
        ("The golden mean: on goes the light, untold", []),
    ],
)
def test_a_phrase_is_found_across_lines_and_whatever_its_letters_are(
    text: str, found: list[str]
) -> None:
    assert sorted(phrase for _, phrase, _ in phrases(text)) == sorted(found)


def test_each_phrase_has_its_replacement() -> None:
    assert all(PHRASES.values())


MODULE = '''"""Docstring of a module."""
class Gone(Refused):
    """{node} is gone."""
class Plain:
    """Docstring of a class."""
def f(x):
    """Docstring of a function."""
    raise E(f"it {x} ended badly", "word", "two words")
'''


def test_a_message_is_a_text_or_the_template_of_an_error() -> None:
    shown = {"{node} is gone.", " ended badly", "two words"}
    assert shown <= {text for _, text in messages(MODULE)}
    assert not any("Docstring" in text for _, text in messages(MODULE))
    assert any("of a function" in text for _, text in messages(MODULE, loaded=True))


def test_what_is_typed_and_printed_is_no_prose() -> None:
    page = "# A\n\n```console\n$ told\n```\n`said` and written\n"
    assert prose(page) == "# A\n\n\n\n\n and written\n"


def test_output_and_manual_use_the_field_s_words(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([])
    assert code == 0, capsys.readouterr().out
