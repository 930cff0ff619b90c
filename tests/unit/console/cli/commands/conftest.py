"""What Salt returned, as examples of the screens have it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.returns import example


@pytest.fixture
def status() -> dict[str, Any]:
    value: dict[str, Any] = example("status-trouble")[1]
    return value
