"""Numbers as people read them."""

from __future__ import annotations

import pytest

from saltext_mip.text import distinct, ranges, size


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([7], "7"),
        ([1, 2], "1, 2"),
        ([3, 1, 2], "1-3"),
        ([1, 3, 4, 5, 8, 9, 11], "1, 3-5, 8, 9, 11"),
    ],
)
def test_runs_of_three_and_more_are_shortened(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_234_567, "1.2 MB"),
        (2_000_000_000, "2,000.0 MB"),
    ],
)
def test_a_size_has_the_unit_that_fits(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("names", "seen"),
    [
        (("edsd", "ppmi"), ("'edsd'", "'ppmi'")),
        (("caffè", "ppmi"), ("'caffè'", "'ppmi'")),
        (("edsd", "\u0435dsd"), ("'edsd'", "'\\u0435dsd'")),
        (("caff\u00e8", "caffe\u0300"), ("'caff\\xe8'", "'caffe\\u0300'")),
        (("a b", "a\u00a0b"), ("'a b'", "'a\\xa0b'")),
        (("age", "age\u200b"), ("'age'", "'age\\u200b'")),
    ],
)
def test_names_that_look_the_same_are_seen_to_differ(
    names: tuple[str, str], seen: tuple[str, str]
) -> None:
    assert distinct(*names) == seen
