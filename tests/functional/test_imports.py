"""What is costly to import is imported in jobs only, where it is used; Salt's loader pays nothing.

A beacon runs in the minion's main process, jobs are forked from it, and a look at data that has not
changed shall not wait for a data frame library.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import saltext_mip

PACKAGE = Path(saltext_mip.__file__).parent
COSTLY = {"adbc_driver_sqlite", "docker", "keycloak", "libtmux", "polars", "pyarrow"}
NODE = ("modules", "states", "beacons", "engines", "pillar", "output", "fileserver", "data")

CODE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def loaded_with(*kinds: str) -> set[str]:
    """The top names of all that is in memory once Salt loaded our modules of these kinds."""
    modules = [
        f"saltext_mip.{kind}.{path.stem}"
        for kind in kinds
        for path in sorted((PACKAGE / kind).glob("*.py"))
        if path.stem != "__init__"
    ]
    command = [sys.executable, "-W", "ignore", "-c", CODE, *modules]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = set(ran.stdout.split())
    assert "saltext_mip" in found
    return found


def test_what_daemons_load_imports_nothing_costly() -> None:
    assert not loaded_with(*NODE) & COSTLY


def test_a_runner_waits_for_none_but_dockers_types() -> None:
    assert loaded_with("runners") & COSTLY <= {"docker"}


def test_a_beacon_and_a_job_that_decodes_nothing_do_not_import_msgspec() -> None:
    assert "msgspec" not in loaded_with("beacons", "modules", "states")
