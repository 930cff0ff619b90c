"""The requirements of a pusher, each with how it is met; and the versions of what runs here."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import saltext_mip
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import config_dir, executable

SALT = (3008, 2)


@dataclass(frozen=True)
class Requirement:
    """``thing`` as it was ``found``, and a ``hint`` how to meet the requirement."""

    thing: str
    ok: bool
    found: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        hint = {"hint": self.hint} if not self.ok else {}
        return {"thing": self.thing, "ok": self.ok, "found": self.found, **hint}


def requirements(context: Context) -> list[Requirement]:
    """All requirements of a pusher."""
    return [*programs(), _configured(context), *_configuration(context)]


def programs() -> list[Requirement]:
    """The programs that must be installed."""
    salt = _version("salt")
    numbers = tuple(int(part) for part in re.findall(r"\d+", salt)[:2])
    python = platform.python_version()
    found = [
        Requirement("Salt", numbers >= SALT, salt, "Version 3008.2 or newer is required."),
        Requirement("Python", python >= "3.11", python, "Version 3.11 or newer is required."),
    ]
    for name, hint in (
        ("salt-run", "Install salt-master."),
        ("ssh", "Install openssh-client, for shells on nodes."),
        ("tmux", "Install tmux, for the session."),
    ):
        path = shutil.which(executable(name))
        found.append(Requirement(name, path is not None, path or "not found", hint))
    return found


def _configured(context: Context) -> Requirement:
    path = config_dir(context.config) / "master"
    return Requirement(
        "Salt master",
        path.is_file(),
        str(path) if path.is_file() else f"no {path}",
        "Install salt-master, then mip setup.",
    )


def _configuration(context: Context) -> list[Requirement]:
    """The pillar as the runner reads it, and what mip setup would change."""
    result = context.run("setup", dry_run=True)
    if result.error is not None:
        return [Requirement("pillar", False, result.error, "Fix the pillar; see the manual.")]
    todo = [line.partition("\n")[0] for line in result.value["todo"]]
    more = [each for each in result.value["plan"] if each["action"] not in ("nothing", "todo")]
    found = "; ".join(todo) or ("not as mip setup makes it" if more else "as mip setup makes it")
    return [
        Requirement(
            "configuration",
            not (todo or more),
            "; ".join(todo) or found,
            "Run mip setup --dry-run to see what is missing.",
        )
    ]


def versions() -> Mapping[str, Any]:
    """``{thing: version}`` of what runs here."""
    names = ("salt", "docker", "libtmux", "polars", "python-keycloak")
    found = {name: _version(name) for name in names}
    return {
        "command": "version",
        "saltext-mip": saltext_mip.__version__,
        "python": platform.python_version(),
        **found,
        "tmux": _first_line("tmux", "-V").removeprefix("tmux "),
        "ssh": _first_line("ssh", "-V"),
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _first_line(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return "not installed"
    return (done.stdout or done.stderr).strip().partition(",")[0]
