"""Salt's names of colours, as the escape sequences of a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


# Salt's names of colours, as the screens use them
COLOURS: Mapping[str, str] = {
    "CYAN": "\x1b[36m",
    "LIGHT_RED": "\x1b[1;31m",
    "YELLOW": "\x1b[33m",
    "GREEN": "\x1b[32m",
    "ENDC": "\x1b[0m",
}
