"""What is costly to import is imported in jobs only, where it is used; Salt's loader pays nothing.

A beacon runs in the minion's main process, jobs are forked from it, and a look at data that has not
changed shall not wait for a data frame library.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import saltext_mip
from saltext_mip import results
from tests.support.observed import observed
from tests.support.returns import example

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


HEAVY = COSTLY | {
    "jinja2",
    "jsonschema",
    "msgpack",
    "numpy",
    "requests",
    "rich",
    "salt",
    "tornado",
    "yaml",
}


@pytest.mark.parametrize(
    "words", [["status"], ["describe", "wk1"], ["events"], ["history"], ["__names", "nodes"]]
)
def test_what_is_answered_from_the_state_imports_neither_salt_nor_anything_heavy(
    words: list[str], tmp_path: Path
) -> None:
    last = results.parse("status", example("status-trouble")[1])
    with observed(tmp_path, last) as (config, _):
        command = [sys.executable, "-X", "importtime", "-m", "saltext_mip.console", *words]
        # as on a terminal, whose colours need no more
        env = {**os.environ, "SALT_CONFIG_DIR": str(config), "FORCE_COLOR": "1"}
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    lines = [line.split("|") for line in ran.stderr.splitlines()]
    loaded = {line[-1].strip().partition(".")[0] for line in lines}
    assert {"json", "saltext_mip"} <= loaded
    assert not loaded & HEAVY


BEACON = """
import sys, threading
from pathlib import Path
from saltext_mip.beacons import mip_data
mip_data.__context__ = {}
mip_data.__opts__ = {"pillar": {}, "id": "fed1-ui", "root_dir": "/nowhere"}
assert mip_data.beacon([]) == []
print(len(list(Path("/proc/self/task").iterdir())))
print(*sorted(sys.modules))
"""


def test_a_minion_with_the_beacon_has_what_jobs_import_and_may_still_fork() -> None:
    command = [sys.executable, "-W", "ignore", "-c", BEACON]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    tasks, names = ran.stdout.splitlines()
    loaded = set(names.split())
    assert tasks == "1", "a process with threads must not fork"
    assert not loaded & {"adbc_driver_sqlite", "polars", "pyarrow"}
    assert imported_by_steps() <= loaded


def imported_by_steps() -> set[str]:
    """Our modules that the module of the steps imports, at its top or in a function."""
    found = set()
    for name in ("modules/federation_node.py", "node/jobs.py"):
        for each in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8"))):
            if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("saltext_mip"):
                inner = {f"{each.module}.{alias.name}" for alias in each.names}
                found |= {one for one in inner if is_module(one)} or {str(each.module)}
    return found


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, and no package
        return False
