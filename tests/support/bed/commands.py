"""The two small commands that stand at the checkout's root while a bed is up."""

from __future__ import annotations

import shlex
import shutil
import sys

from tests.support.bed.layout import CHECKOUT

FOLDER = CHECKOUT / ".federation"
COMMAND = """\
#!/bin/sh
# Written by the bed that is up.
export PYTHONPATH={checkout}
exec {python} -m tests.support.bed {action} "$@"
"""


def write() -> None:
    """Writes .federation/exec and .federation/fault."""
    FOLDER.mkdir(exist_ok=True)
    for action in ("exec", "fault"):
        file = FOLDER / action
        file.write_text(
            COMMAND.format(
                checkout=shlex.quote(str(CHECKOUT)),
                python=shlex.quote(sys.executable),
                action=action,
            )
        )
        file.chmod(0o755)


def remove() -> None:
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
