"""Code of a test that runs as a user without rights."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

NOBODY = 65534


def as_nobody(function: Callable[[], Any]) -> Any:
    """What ``function`` returns as JSON in a process of another user."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(write, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as out:
        content = out.read()
    os.waitpid(child, 0)
    return json.loads(content)
