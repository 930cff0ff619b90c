"""Shells on nodes: quoted argument lists, and host keys that only Salt tells."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from saltext_mip import host_keys
from saltext_mip.console import ssh
from saltext_mip.console.ssh import Login
from saltext_mip.console.tmux import pane

LOGIN = Login("fed1-wk-h1", "mipadmin", "10.77.0.21", 22, "/var/lib/mip/fed1/known_hosts")
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID05unRfUF2SsjlF9npe8lB4b5Vv3jZdmdhyXb6LzjQ8"


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


@pytest.mark.parametrize(
    "told",
    [
        None,
        "ssh-ed25519 AAAA",
        [1],
        ["ssh-ed25519 not-base64"],
        ["ssh-rsa " + ED25519.split()[1]],
        ["ssh-dss AAAAB3NzaC1kc3M="],
        [f"{ED25519}\nother-node {ED25519}"],
        [ED25519] * 9,
    ],
)
def test_what_is_no_host_key_is_refused(told: Any) -> None:
    with pytest.raises(ValueError, match="host key"):
        host_keys.checked_keys(told)


def test_a_nodes_keys_are_believed_about_itself_only() -> None:
    before = f"fed1-wk-h1 ssh-rsa AAAA\nfed1-wk-h2 {ED25519}\n"
    after = host_keys.known_hosts(
        before, {"fed1-wk-h1": host_keys.checked_keys([f"{ED25519} root@h1"])}
    )
    assert after == f"fed1-wk-h1 {ED25519}\nfed1-wk-h2 {ED25519}\n"


def told(**more: Any) -> dict[str, Any]:
    login = [LOGIN.alias, LOGIN.user, LOGIN.address, LOGIN.port, LOGIN.known_hosts]
    facts = {"title": "fed1-wk-h1 (wk1)", "note": "", "folder": "/data/fed1", "federation": "fed1"}
    return {**facts, "login": login, **more}


class Far:
    """ssh, in a row of exit codes."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.called: list[Sequence[str]] = []
        self.said: list[str] = []

    def __call__(self, argv: Sequence[str]) -> int:
        self.called.append(argv)
        return self.codes.pop(0)

    def run(self, facts: dict[str, Any]) -> int:
        clock = iter(range(1000, 100000, 7))
        return pane.run(
            facts,
            call=self,
            write=self.said.append,
            clock=lambda: float(next(clock)),
            sleep=lambda _: None,
        )


def test_a_disabled_nodes_window_says_so_and_is_there_all_the_same() -> None:
    far = Far(0)
    far.run(told(note="This node is disabled by anna: disk is replaced."))
    assert "disabled by anna" in far.said[1]
    assert len(far.called) == 1


def test_a_shell_that_could_not_be_had_says_what_to_do_and_ends() -> None:
    far = Far(255)
    assert far.run(told()) == 255
    assert "mip --federation fed1 node check" in far.said[-1]


def test_a_log_comes_again_when_its_connection_went() -> None:
    far = Far(255, 255, 0)
    assert far.run(told(logs="worker")) == 0
    first, second, third = (argv[-1] for argv in far.called)
    assert first == "mip logs --follow --component exareme --limit 10000"
    assert second.startswith(first + " --since ")
    assert int(second.split()[-1][:-1]) < int(third.split()[-1][:-1])


def test_a_node_without_the_command_says_so() -> None:
    far = Far(127)
    assert far.run(told(logs="ui")) == 127
    assert "Installation" in far.said[-1]
