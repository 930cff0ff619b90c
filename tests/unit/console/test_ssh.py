"""Shells on nodes: quoted argument lists."""

from __future__ import annotations

import shutil
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


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh here")
def test_a_node_gets_nothing_of_what_an_operators_configuration_allows(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "ForwardAgent yes\nForwardX11 yes\nLocalForward 9000 127.0.0.1:9000\n"
        "RemoteForward 9001 127.0.0.1:9001\nControlMaster auto\nControlPath /tmp/%C\n"
        "VerifyHostKeyDNS yes\nPermitLocalCommand yes\nRemoteCommand sh\nStrictHostKeyChecking no\n"
    )
    program, *rest = LOGIN.argv()
    argv = [program, "-F", str(config), "-G", *rest]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert {key: found[key] for key in ("forwardagent", "forwardx11", "clearallforwardings")} == {
        "forwardagent": "no",
        "forwardx11": "no",
        "clearallforwardings": "yes",
    }
    assert found["verifyhostkeydns"] == "false"
    assert found["permitlocalcommand"] == "no"
    assert found["stricthostkeychecking"] == "true"
    assert not {"localforward", "remoteforward", "remotecommand", "controlpath"} & found.keys()


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
