"""Shells on nodes: quoted argument lists."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from saltext_mip.console import ssh
from saltext_mip.console.ssh import Login

LOGIN = Login("fed1-wk-h1", "mipadmin", "10.77.0.21", 22, "/var/lib/mip/fed1/known_hosts")


def test_nobody_is_asked_whether_a_key_is_right() -> None:
    argv = LOGIN.argv()
    assert "StrictHostKeyChecking=yes" in argv
    assert "HostKeyAlias=fed1-wk-h1" in argv
    assert 'UserKnownHostsFile="/var/lib/mip/fed1/known_hosts"' in argv
    assert "GlobalKnownHostsFile=/dev/null" in argv


def test_the_address_is_never_an_option() -> None:
    argv = LOGIN.argv(["mip", "logs"])
    assert argv[argv.index("--") + 1 :] == ("10.77.0.21", "mip logs")


@pytest.mark.parametrize("folder", ["/data/fed1", "/data/a b", "/data/$(touch x)'\"; ls", "/-x"])
def test_any_folder_is_entered_by_the_shell_of_the_other_side(folder: str, tmp_path: Path) -> None:
    inside = tmp_path / folder.lstrip("/")
    inside.mkdir(parents=True)
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\npwd\n")
    shell.chmod(0o755)
    remote = LOGIN.argv(ssh.in_folder(str(inside)))[-1]
    # what sshd does with it
    done = subprocess.run(
        ["/bin/sh", "-c", remote],
        env={"SHELL": str(shell)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{inside}\n"
