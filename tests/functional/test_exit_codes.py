"""A command that could not write what it is for ends with an error and another code than 0."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.functional.test_runner_client import call, configured
from tests.support import pillars
from tests.support.mounts import broken_disk

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")

# their own work is one small file on the pusher
WRITERS = (
    ("wake", {}),
    ("wake", {"tag": "salt/minion/fed1-ms/start"}),
    ("suspend", {"reason": "a move"}),
    ("disable", {"node": "wk1"}),
    ("refresh", {"wait": False}),
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pusher with a federation on which each writer has been once, so that folders are there."""
    root = tmp_path_factory.mktemp("pusher")
    pillars.write(root / "pillar", "pusher", {"fed1": declared(root)})
    config = configured(root, pillar_roots={"base": [str(root / "pillar")]})
    code, value = call(config, "mip.wake")["returned"]
    assert code == 0, value
    code, value = call(config, "mip.suspend", reason="once")["returned"]
    assert code == 0, value
    (root / "var/lib/mip/fed1/requests/prompt").unlink()
    return config


def declared(root: Path) -> dict[str, object]:
    return pillars.declaration(root, "fed1", index=1, workers=1)


# a request is an empty file, for which a full disk has room
CASES = [
    (command, arguments, fault)
    for command, arguments in WRITERS
    for fault in ("full", "read-only")
    if fault == "read-only" or command in ("suspend", "disable")
]


@pytest.mark.parametrize(("command", "arguments", "fault"), CASES)
def test_a_state_folder_that_cannot_be_written_is_named_and_no_success(
    config: Path, command: str, arguments: dict[str, object], fault: str
) -> None:
    state = config.parents[1] / "var/lib/mip"
    with broken_disk(state, fault):
        code, value = call(config, f"mip.{command}", **arguments)["returned"]
    assert code == 1, value
    assert str(state) in value
    assert {"full": "No space left", "read-only": "Read-only file system"}[fault] in value
    assert "\n" not in value


def test_a_setup_that_cannot_write_is_no_success(tmp_path: Path) -> None:
    config = configured(tmp_path, pillar_roots={"base": [str(tmp_path / "pillar")]})
    (config / "master.d").mkdir()
    with broken_disk(config / "master.d", "read-only"):
        code, value = call(config, "mip.setup")["returned"]
    assert code == 1, value
    assert f"{config / 'master.d' / 'mip.conf'} cannot be written: Read-only file system" in value
