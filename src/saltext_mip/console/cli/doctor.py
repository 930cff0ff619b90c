"""The requirements of a pusher, each with how it is met; and the versions of what runs here."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys

from msgspec import UNSET, structs

import saltext_mip
from saltext_mip.console.cli.context import Context
from saltext_mip.console.cli.salt import executable
from saltext_mip.console.cli.state_folder import config_dir
from saltext_mip.plans import NOTHING
from saltext_mip.results import (
    CheckNodesResult,
    Requirement,
    SetupResult,
    VersionsResult,
    value_or,
)

SALT = (3008, 2)
PYTHON = (3, 11)


def requirements(context: Context) -> list[Requirement]:
    """All requirements of a pusher."""
    return [*programs(), _configured(context), *_configuration(context)]


def programs() -> list[Requirement]:
    """The programs that must be installed."""
    salt = _version("salt")
    numbers = tuple(int(part) for part in re.findall(r"\d+", salt)[:2])
    python = platform.python_version()
    found = [
        _requirement("Salt", numbers >= SALT, salt, "Version 3008.2 or newer is required."),
        _requirement(
            "Python", sys.version_info >= PYTHON, python, "Version 3.11 or newer is required."
        ),
    ]
    for name, hint in (
        ("salt-run", "Install salt-master."),
        ("ssh", "Install openssh-client, for shells on nodes."),
        ("tmux", "Install tmux, for the session."),
    ):
        path = shutil.which(executable(name))
        found.append(_requirement(name, path is not None, path or "not found", hint))
    return found


def _requirement(thing: str, ok: bool, found: str, hint: str) -> Requirement:
    return Requirement(thing=thing, ok=ok, found=found, hint=UNSET if ok else hint)


def _configured(context: Context) -> Requirement:
    path = config_dir(context.config) / "master"
    return _requirement(
        "Salt master",
        path.is_file(),
        str(path) if path.is_file() else f"{path} not found",
        "Install salt-master, then mip setup.",
    )


def _configuration(context: Context) -> list[Requirement]:
    """The pillar as the runner reads it, and what mip setup would change."""
    result = context.run("setup", dry_run=True)
    if result.error is not None:
        return [_requirement("pillar", False, result.error, "Fix the pillar; see the manual.")]
    setup: SetupResult = result.value
    todo = [_step(text) for text in setup.todo]
    more = [item for item in setup.plan if item.action not in (NOTHING, "todo")]
    state = "not as mip setup makes it" if more else "as mip setup makes it"
    return [
        _requirement(
            "configuration",
            not (todo or more),
            "; ".join(todo) or state,
            "Run mip setup --dry-run to see what is missing.",
        )
    ]


def _step(text: str) -> str:
    """A step of ``mip.setup`` and its reason, without the lines between, such as YAML."""
    first, *rest = text.splitlines()
    return " ".join([first, *(line for line in rest[-1:] if line.startswith("("))])


def versions(context: Context) -> VersionsResult:
    """The versions of what runs here; on a pusher with those of its nodes' extensions, compared."""
    here = _versions_here()
    notes = _mixed_installation()
    if not context.pusher:
        return structs.replace(here, notes=notes or UNSET)
    result = context.run("check_nodes")
    if not isinstance(result.value, CheckNodesResult):
        notes.append(f"The nodes were not asked: {result.error}")
        return structs.replace(here, notes=notes)
    found = result.value
    notes += [
        f"{node}: {why}" for node, each in found.nodes.items() if (why := value_or(each.reason, ""))
    ]
    notes += value_or(found.notes, [])
    return structs.replace(here, nodes=found.versions, notes=notes or UNSET)


def _mixed_installation() -> list[str]:
    """Metadata of another version than the code: pip does not replace what is there by itself."""
    recorded = {each.version for each in importlib.metadata.distributions(name="saltext-mip")}
    if recorded <= {saltext_mip.__version__}:
        return []
    return [
        f"The code here is of saltext-mip {saltext_mip.__version__}, and its metadata of "
        f"{', '.join(sorted(recorded))}: install it with salt-pip install --upgrade "
        "--force-reinstall --no-deps"
    ]


def _versions_here() -> VersionsResult:
    return VersionsResult(
        saltext_mip=saltext_mip.__version__,
        python=platform.python_version(),
        salt=_version("salt"),
        docker=_version("docker"),
        libtmux=_version("libtmux"),
        polars=_version("polars"),
        python_keycloak=_version("python-keycloak"),
        tmux=_first_line("tmux", "-V").removeprefix("tmux "),
        ssh=_first_line("ssh", "-V"),
    )


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
