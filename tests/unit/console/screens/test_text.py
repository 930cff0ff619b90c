"""Lines of a screen: wrapped, aligned, harmless, each part in its style."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from saltext_mip.console.screens.text import (
    ASCII_MARKS,
    MARKS,
    Part,
    Screen,
    cells,
    clock,
    first_page,
    moment,
    number,
    since,
    wrapped,
)


def lines(screen: Screen) -> list[str]:
    return str(screen).split("\n")


def test_a_note_is_at_the_right_where_there_is_room_and_else_below() -> None:
    screen = Screen(20)
    screen.title("history", "fed1")
    screen.title("a long heading", "federation fed1")
    assert lines(screen) == ["history         fed1", "a long heading", "  federation fed1"]
    assert screen.lines[0] == (Part("history", "title"), Part("         fed1"))


def test_there_is_one_gap_between_things_and_none_at_the_ends() -> None:
    screen = Screen()
    screen.gap()
    screen.text("one")
    screen.gap()
    screen.gap()
    screen.text("two")
    screen.gap()
    assert lines(screen) == ["one", "", "two"]
    assert str(Screen()) == ""


def test_a_paragraph_hangs_and_a_long_word_is_not_broken() -> None:
    screen = Screen(16)
    screen.text("first words of a-very-long-path/that-stays", indent=2, hang=2, first="- ")
    assert lines(screen) == ["  - first words", "    of", "    a-very-long-path/that-stays"]


def test_columns_are_as_wide_as_their_widest_cell_and_the_last_wraps() -> None:
    screen = Screen(30)
    screen.table([("a", "one two three four five six"), ("bbbb", "x")], indent=2)
    assert lines(screen) == ["  a     one two three four", "        five six", "  bbbb  x"]


def test_a_last_column_without_room_goes_below() -> None:
    screen = Screen(30)
    screen.table([("a-name-of-twenty-five-cells", "a text of some length")])
    assert lines(screen) == ["a-name-of-twenty-five-cells", "    a text of some length"]


def test_rows_have_the_styles_that_they_are_given() -> None:
    screen = Screen()
    screen.table([("a", "1"), ("b", "2")], styles=["good", "bad"])
    assert [line[0].style for line in screen.lines] == ["good", "bad"]
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        screen.table([("a", "1"), ("b", "2")], styles=["good"])


def test_control_characters_are_escaped_wherever_they_come() -> None:
    screen = Screen()
    evil = "a\x1b[2J\nb\u202e"
    screen.title(evil, evil)
    screen.text(evil)
    screen.block(evil)
    screen.table([(evil, evil)])
    for line in lines(screen):
        assert "\x1b" not in line
        assert "\u202e" not in line
    assert len(lines(screen)) == 5  # a block keeps its lines


def test_a_wide_character_takes_two_cells_and_a_combining_one_none() -> None:
    assert (cells("abc"), cells("安娜"), cells("e\u0301")) == (3, 4, 1)


def test_text_is_broken_at_blanks() -> None:
    assert wrapped("a bb ccc", 4) == ["a bb", "ccc"]
    assert wrapped("", 4) == [""]


def test_a_number_has_its_noun() -> None:
    assert (number(1, "error"), number(2, "error"), number(0, "entry", "entries")) == (
        "1 error",
        "2 errors",
        "0 entries",
    )


def test_a_page_has_what_a_terminal_shows_without_scrolling() -> None:
    screen = Screen()
    for number_of in range(10):
        screen.text(f"line {number_of}")
    assert first_page(screen.lines, 11, 80) == screen.lines
    page = first_page(screen.lines, 10, 80)
    assert page[:8] == screen.lines[:8]
    assert page[8:] == ((Part("(2 more lines; a higher terminal shows them)", "warn"),),)


def test_a_line_that_a_narrow_terminal_wraps_takes_the_room_of_two() -> None:
    screen = Screen(60)
    for _ in range(4):
        screen.block("x" * 41)
    assert first_page(screen.lines, 9, 40) == screen.lines
    assert len(first_page(screen.lines, 8, 40)) == 3 + 1


NOW = datetime(2026, 3, 12, 4, 5, tzinfo=UTC)


@pytest.fixture
def with_a_clock() -> Iterator[None]:
    token = clock.set(lambda: NOW)
    yield
    clock.reset(token)


@pytest.mark.parametrize(
    ("iso", "ago", "begin"),
    [
        ("2026-03-12T04:04:40+00:00", "20 s ago", "for 20 s"),
        ("2026-03-12T04:04:59+00:00", "just now", "since just now"),
        ("2026-03-12T05:02:00+01:00", "3 min ago", "for 3 min"),
        ("2026-03-11T23:05:00", "5 h ago", "for 5 h"),
        ("2026-03-09T04:05:00+00:00", "3 days ago", "for 3 days"),
        ("2026-01-01T04:05:00+00:00", "2026-01-01 04:05 UTC", "since 2026-01-01 04:05 UTC"),
        ("2026-03-12T04:06:00+00:00", "2026-03-12 04:06 UTC", "since 2026-03-12 04:06 UTC"),
        ("no moment", "no moment", "since no moment"),
    ],
)
@pytest.mark.usefixtures("with_a_clock")
def test_a_recent_moment_is_shown_as_how_long_ago_it_was(iso: str, ago: str, begin: str) -> None:
    assert (moment(iso), since(iso)) == (ago, begin)


def test_without_a_clock_a_moment_is_shown_as_it_is() -> None:
    assert moment("2026-03-12T04:04:40+00:00") == "2026-03-12 04:04 UTC"


def test_a_table_has_its_header_and_the_mark_of_each_row() -> None:
    screen = Screen(60)
    rows = [("ms", "responds"), ("wk1", "no response")]
    screen.table(rows, header=("NODE", "STATE"), styles=["good", "bad"], marked=True)
    assert str(screen).splitlines() == [
        "  NODE  STATE",
        "✔ ms    responds",
        "✖ wk1   no response",
    ]


def test_a_header_of_no_rows_is_not_shown() -> None:
    screen = Screen(60)
    screen.table([], header=("NODE", "STATE"), marked=True)
    assert str(screen) == ""


def test_each_style_has_a_mark_of_its_own_also_in_ascii() -> None:
    for found in (MARKS, ASCII_MARKS):
        assert len(set(found.values())) == len(found)
        assert all(len(each) == 1 for each in found.values())
    assert "".join(ASCII_MARKS.values()).isascii()
