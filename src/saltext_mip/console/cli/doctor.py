"""Whether a pusher has what is needed; and the versions of what runs here."""

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
class Need:
    """One thing that is needed, as it is, and what to do where it is not enough."""

    thing: str
    ok: bool
    found: str
    hint: str = ""

    def shown(self) -> dict[str, Any]:
        hint = {"hint": self.hint} if not self.ok else {}
        return {"thing": self.thing, "ok": self.ok, "found": self.found, **hint}


def looked(context: Context) -> int:
    """Show all; 1 where anything lacks."""
    needs = [*programs(), _configured(context), *_declared(context)]
    value = {"command": "check-required", "needs": [need.shown() for need in needs]}
    context.show.value("check-required", value)
    return 0 if all(need.ok for need in needs) else 1


def programs() -> list[Need]:
    """What must be installed here."""
    salt = _version("salt")
    numbers = tuple(int(part) for part in re.findall(r"\d+", salt)[:2])
    python = platform.python_version()
    needs = [
        Need("Salt", numbers >= SALT, salt, "3008.2 or newer is needed."),
        Need("Python", python >= "3.11", python, "3.11 or newer is needed."),
    ]
    for name, hint in (
        ("salt-run", "Install salt-master."),
        ("ssh", "Install openssh-client: shells on nodes need it."),
        ("tmux", "Install tmux: the session needs it."),
    ):
        path = shutil.which(executable(name))
        needs.append(Need(name, path is not None, path or "not found", hint))
    return needs


def _configured(context: Context) -> Need:
    path = config_dir(context.config) / "master"
    return Need(
        "Salt master",
        path.is_file(),
        str(path) if path.is_file() else f"no {path}",
        "Install salt-master, then mip setup.",
    )


def _declared(context: Context) -> list[Need]:
    """The pillar is read by the function that reads it always."""
    result = context.run("setup", dry_run=True)
    if result.error is not None:
        return [Need("pillar", False, result.error, "Mend the pillar; see the manual.")]
    todo = [line.partition("\n")[0] for line in result.value["todo"]]
    more = [each for each in result.value["plan"] if each["action"] not in ("nothing", "todo")]
    found = "; ".join(todo) or (
        "mip setup has something to do" if more else "as mip setup makes it"
    )
    return [
        Need(
            "configuration",
            not (todo or more),
            "; ".join(todo) or found,
            "mip setup --dry-run tells what.",
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
        "tmux": _said("tmux", "-V").removeprefix("tmux "),
        "ssh": _said("ssh", "-V"),
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _said(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        return "not installed"
    return (done.stdout or done.stderr).strip().partition(",")[0]
