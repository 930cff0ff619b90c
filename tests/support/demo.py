"""``make demo`` and ``make try``: make an environment below ``.demo``, then run a module in it.

Needs nothing but Python: only the standard library is imported here. The environment's own Python
runs ``story.py`` (the demo) or ``playground.py`` (a shell).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
FOLDER = HERE / ".demo"
PYTHON = FOLDER / "venv" / "bin" / "python"
INSTALLED = FOLDER / "installed"
OLDEST = (3, 11)


def main() -> int:
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:2]))
        print(f"needs Python {'.'.join(map(str, OLDEST))} or newer, this is {found}:")
        print("make PYTHON=python3.12 demo")
        return 1
    install()
    module = sys.argv[1] if len(sys.argv) > 1 else "story"
    command = [str(PYTHON), "-m", f"tests.support.{module}"]
    return subprocess.run(command, cwd=HERE, check=False).returncode


def install() -> None:
    """Once, and again when what the project needs has changed."""
    needs = (HERE / "pyproject.toml").stat().st_mtime
    if INSTALLED.exists() and INSTALLED.stat().st_mtime >= needs:
        return
    began = time.monotonic()
    say = "Installing Salt and this extension into .demo (once, a minute or two) ..."
    print(say, flush=True)
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([sys.executable, "-m", "venv", FOLDER / "venv"], check=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--editable", ".[salt]"]
    subprocess.run(pip, cwd=HERE, env=env, check=True)
    INSTALLED.touch()
    print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
