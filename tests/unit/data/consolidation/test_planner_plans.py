"""Every case in ``plans/``: what is declared and found becomes the plan that it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from saltext_mip.data.consolidation.planner import Plan
from saltext_mip.errors import MipError
from tests.unit.data.consolidation import plancases


def cases() -> list[Any]:
    found = []
    for path in sorted(Path(__file__).parent.glob("plans/*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            found.append(pytest.param(case, id=f"{path.stem}: {case['case']}"))
    return found


def part(value: Any, of: Any) -> Any:
    """``value`` without the keys that ``of`` does not name."""
    if isinstance(value, list) and isinstance(of, list) and len(value) == len(of):
        return [part(item, named) for item, named in zip(value, of, strict=True)]
    if isinstance(value, dict) and isinstance(of, dict):
        return {key: part(item, of[key]) for key, item in value.items() if key in of}
    return value


@pytest.mark.parametrize("case", cases())
def test_plan(case: dict[str, Any]) -> None:
    assert ("plan" in case) != ("error" in case)
    made = plancases.outcome(case)
    if "error" in case:
        assert isinstance(made, MipError), made
        assert type(made).__name__ == case["error"]["type"], made
        for words in case["error"]["says"]:
            assert words in str(made)
        return
    assert isinstance(made, Plan), made
    words = plancases.words_of(made)
    for key, expected in case["plan"].items():
        found = words[key]
        if key in ("pathologies", "problems"):
            # all there are, and of each the keys that the case names
            assert len(found) == len(expected), found
            found = part(found, expected)
        assert found == expected, key
