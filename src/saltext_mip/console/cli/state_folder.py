"""Where the pusher's state is, by what Salt's configuration says of it, without Salt.

A shell asks for names at each Tab, so this imports little.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_ROOT_DIR = re.compile(r"^root_dir:\s*['\"]?([^'\"\s#]+)", re.MULTILINE)
# what sets it in a way that is not read here, or names further files, which may
_OTHERWISE = re.compile(
    r"^(?!root_dir:)[^#\n]*(?<![\w.-])(?:root_dir|(?:default_)?include)['\"]?\s*:", re.MULTILINE
)


def config_dir(given: str | None) -> Path:
    """Salt's configuration folder."""
    return Path(given or os.environ.get("SALT_CONFIG_DIR") or "/etc/salt")


def state_folders(config: Path) -> list[Path]:
    """The folders of all federations that have a state."""
    try:
        return sorted(path for path in _root(config).iterdir() if path.is_dir())
    except OSError:
        return []


def _root(config: Path) -> Path:
    """Below Salt's ``root_dir``; the last one that is set wins, as in Salt."""
    root = "/"
    with suppress(OSError):
        for text in _texts(config):
            for found in _ROOT_DIR.findall(text):
                root = found
    return Path(root) / "var/lib/mip"


def is_certain(config: Path) -> bool:
    """Whether Salt finds the state in the same place, as far as its configuration tells."""
    if "SALT_MASTER_CONFIG" in os.environ:
        return False
    try:
        found = (config / "master").is_file()
        return found and not any(map(_OTHERWISE.search, _texts(config)))
    except OSError:
        return False


def _texts(config: Path) -> Iterator[str]:
    for path in (config / "master", *sorted((config / "master.d").glob("*.conf"))):
        if path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")
