"""What every ring uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and of what existing installations made of it, where it is present."""
    here = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("MIP_SHARED", here.parent / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"no real data: {folder} is not there (MIP_SHARED names it)")
    return folder
