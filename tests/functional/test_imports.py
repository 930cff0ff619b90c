"""What is costly to import is imported in jobs only, where it is used.

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
# Keycloak's client is what this room is about; runners import it when they need it
EXEMPT = {"access"}

CODE = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def modules() -> list[str]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in EXEMPT:
            found.append(".".join(["saltext_mip", *parts]).removesuffix(".__init__"))
    return found


def test_no_module_imports_what_is_costly_when_it_is_loaded() -> None:
    command = [sys.executable, "-W", "ignore", "-c", CODE, *modules()]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "saltext_mip" in loaded
    assert not loaded & COSTLY
