"""An error in the pillar names file and line, and shows no line of it: there may be a secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import salt.config

from saltext_mip.bridge.pillar import declared
from saltext_mip.errors import DeclarationError


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Salt logs the same, with the lines: on the pusher alone, and here for nobody."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def opts(root: Path) -> dict[str, Any]:
    made: dict[str, Any] = salt.config.master_config(None)
    pillar = root / "pillar"
    pillar.mkdir(exist_ok=True)
    (pillar / "top.sls").write_text("base:\n  '*':\n    - secrets\n")
    folders = {"root_dir": str(root), "cachedir": str(root / "cache")}
    return {**made, **folders, "id": "pusher", "pillar_roots": {"base": [str(pillar)]}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("mip:\n  pw: hunter2{{ 1/0 }}\n", "line 2"),
        ("mip:\n  pw: hunter2\n  at: {{ nowhere.at.all }}\n", "line 3"),
        ("mip:\n  pw: hunter2\n at: all\n", "line 3"),
        ("mip:\n  pw: hunter2\n  pw: hunter2\n", "line 3"),
        ("mip:\n  pw: hunter2\n  {% if %}\n", "line 3"),
        ("mip: {pw: hunter2\n", "line 2"),
        ("mip:\n\tpw: hunter2\n", "cannot start any token"),
    ],
)
def test_an_error_in_the_pillar_shows_no_secret(tmp_path: Path, text: str, line: str) -> None:
    made = opts(tmp_path)
    (tmp_path / "pillar" / "secrets.sls").write_text(text)
    with pytest.raises(DeclarationError, match=line) as caught:
        declared(made)
    told = str(caught.value)
    assert "SLS 'secrets'" in told
    assert "hunter2" not in told
    assert "\n" not in told
