"""A small federation of plain folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.places import Places, Wanted

OLD: Wanted = {
    ("ms", "dementia"): b"old dementia\n",
    ("wk1", "dementia"): b"old dementia\n",
    ("wk2", "dementia"): b"old dementia\n",
    ("ui", None): b"old list\n",
}
NEW: Wanted = {
    ("ms", "dementia"): b"new dementia\n",
    ("wk1", "dementia"): b"new dementia\n",
    ("wk2", "dementia"): b"new dementia\n",
    ("ms", "mental health"): b"new mental health\n",
    ("wk1", "mental health"): b"new mental health\n",
    ("ui", None): b"new list\n",
}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """As it is before: OLD everywhere; ``wk1`` has data of a pathology that is new."""
    places = Places(tmp_path / "fed")
    rows = b"dataset\nedsd\n"
    places.make(
        OLD, {("wk1", "dementia"): rows, ("wk2", "dementia"): rows, ("wk1", "mental health"): rows}
    )
    return places
