"""Arguments as Salt hands them over: what is valid, and that all else is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from saltext_mip import arguments
from saltext_mip.errors import MipError, Misuse

NOW = datetime(2026, 3, 12, 4, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"), [(90, 90), ("90", 90), ("45m", 2700), ("1.5h", 5400), ("2d", 172800)]
)
def test_a_duration_is_a_number_with_a_unit(text: Any, seconds: float) -> None:
    assert arguments.duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "0", "-1h", "2 weeks", "1e9", "h", "9" * 30 + "d", None, []])
def test_anything_else_is_none(text: Any) -> None:
    with pytest.raises(MipError):
        arguments.duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (None, None),
        ("90s", NOW - 90),
        ("10m", NOW - 600),
        ("2h", NOW - 7200),
        ("3d", NOW - 259200),
        ("2026-03-12T04:05", NOW),
        ("2026-03-12T04:05:00Z", NOW),
        ("2026-03-12T05:05+01:00", NOW),
    ],
)
def test_a_moment_is_ago_or_a_date(text: Any, moment: float | None) -> None:
    assert arguments.moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "1.5h", "-2h", "12/03/2026", 5])
def test_no_other_moment_is_guessed(text: Any) -> None:
    with pytest.raises(Misuse, match="since= takes"):
        arguments.moment(text, NOW)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, None),
        ("dementia", ["dementia"]),
        ("dementia, tbi", ["dementia, tbi", "dementia", "tbi"]),
        (["a,b", "c"], ["a,b", "c"]),
        (2026, ["2026"]),
    ],
)
def test_pathologies_are_names_with_commas_or_a_list(given: Any, names: Any) -> None:
    assert arguments.pathologies(given) == names


@pytest.mark.parametrize("given", [True, 1.5, ["a", 1], {"a": 1}])
def test_nothing_else_names_pathologies(given: Any) -> None:
    with pytest.raises(Misuse, match="pathology= must"):
        arguments.pathologies(given)


@pytest.mark.parametrize(
    ("argument", "right", "wrong"),
    [
        (arguments.limit, (1, 1_000_000), (0, -1, 1_000_001, "5", True, None)),
        (lambda given: arguments.limit_or_all(given, "events"), (0, 7), (-1, "5", False, None)),
        (arguments.generation_number, (1, 12), ("1", 1.0, True, None)),
    ],
    ids=["limit", "limit_or_all", "generation_number"],
)
def test_a_number_is_a_number(argument: Any, right: Any, wrong: Any) -> None:
    for given in right:
        assert argument(given) == given
    for given in wrong:
        with pytest.raises(Misuse):
            argument(given)
