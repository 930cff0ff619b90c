"""Whether the package in memory is the one on disk.

A minion that keeps running during an upgrade has old modules of this package in memory and loads
new Salt modules from disk. Such a mixture must not change data.
"""

from __future__ import annotations

import re
from pathlib import Path

import saltext_mip

_VERSION = re.compile(r"""^(?:__version__ = )?version = ["']([^"']+)["']""", re.MULTILINE)


def pending() -> str | None:
    """An error if the two differ; ``None`` if they do not or cannot be compared."""
    file = Path(saltext_mip.__file__).with_name("_version.py")
    if not file.is_file():
        return None
    found = re.search(_VERSION, file.read_text("utf-8"))
    if found is None or found[1] == saltext_mip.__version__:
        return None
    return (
        f"saltext-mip {found[1]} is installed, but {saltext_mip.__version__} is in memory: "
        "restart salt-minion (systemctl restart salt-minion)"
    )
