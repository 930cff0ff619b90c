"""The Makefile's commands as nox sessions of the same names, each in a fresh environment.

The Makefile has what each does; this gives it another environment and another Python:
``nox -s unit -p 3.14``.
"""

from __future__ import annotations

import nox

nox.options.sessions = ["test"]
nox.options.default_venv_backend = "venv"


def made(session: nox.Session) -> None:
    """The Makefile's target of the session's name, with the session's Python."""
    python = f"{session.bin}/python"
    venv = f"VENV={session.virtualenv.location}"
    session.run("make", venv, f"PYTHON={python}", session.name, *session.posargs, external=True)


for name in (
    "lint",
    "test",
    "unit",
    "functional",
    "integration",
    "test-federation",
    "soak",
    "federation",
    "federation-down",
    "bench",
    "demo",
    "docs",
    "site",
    "changelog",
):
    nox.session(made, name=name)
