"""A status whose conditions a test chooses."""

from __future__ import annotations

from typing import Any


def with_condition(status: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    others = [each for each in status["conditions"] if each["type"] != name]
    condition = {
        **status["conditions"][0],
        "type": name,
        "status": value,
        "reason": "Why",
        "message": "Because.",
    }
    return {**status, "conditions": [condition, *others]}
