"""The two small commands that stand at the checkout's root while a bed is up."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from tests.support.bed.layout import CHECKOUT

FOLDER = CHECKOUT / ".federation"
COMMAND = """\
#!/bin/sh
# Written by the bed that is up.
export PYTHONPATH={checkout} MIP_BED_ROOT={root}
exec {python} -m tests.support.bed {action} "$@"
"""


def write(root: Path) -> None:
    """Writes .federation/exec and .federation/fault for the bed in `root`."""
    FOLDER.mkdir(exist_ok=True)
    for action in ("exec", "fault"):
        file = FOLDER / action
        file.write_text(
            COMMAND.format(
                checkout=shlex.quote(str(CHECKOUT)),
                root=shlex.quote(str(root)),
                python=shlex.quote(sys.executable),
                action=action,
            )
        )
        file.chmod(0o755)


def remove(root: Path) -> None:
    """Removes them, unless they are another bed's."""
    command = FOLDER / "exec"
    if command.exists() and f"MIP_BED_ROOT={shlex.quote(str(root))}\n" in command.read_text():
        shutil.rmtree(FOLDER)
