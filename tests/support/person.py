"""Somebody on the pusher of a federation on loopback, who types lines of ``mip``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import generator, salthost
from tests.support.local import LocalFederation
from tests.support.terminal import Terminal
from tests.support.waiting import until

# a hospital of the manual's examples is one of those that are here
HERE = {"fed1-wk-chuv": "fed1-wk-h1"}
MIP = (sys.executable, "-m", "saltext_mip.console")


class Ran:
    """How a line ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr


class Person:
    """Somebody on the pusher, with an empty terminal of their own."""

    def __init__(self, fed: LocalFederation, folder: Path) -> None:
        self.fed = fed
        self.env = {
            **fed.env(),
            "SALT_CONFIG_DIR": str(fed.hosts["pusher"].config),
            "TMUX_TMPDIR": str(folder),
        }
        self.env.pop("TMUX", None)

    def types(self, *words: str, timeout: float = 120) -> Ran:
        done = subprocess.run(
            [*MIP, *words],
            env=self.env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert "unclosed" not in done.stderr
        return Ran(done)

    def sits_at(self, *argv: str, **how: Any) -> Terminal:
        """A terminal of theirs with that program in it; ``mip`` is the command."""
        words = [*MIP, *argv[1:]] if argv[0] == "mip" else list(argv)
        env = {**self.env, **how.pop("env", {})}
        return Terminal(words, env, **how)

    def ends_the_session(self) -> None:
        """Returns when the server of tmux is gone: one that ends would take a new client along."""
        server = self.tmux("display-message", "-p", "#{pid}").strip()
        self.tmux("kill-server")
        if server:
            until(lambda: not Path(f"/proc/{server}").exists(), what="the end of tmux's server")

    def tmux(self, *argv: str) -> str:
        done = subprocess.run(
            ["tmux", *argv], env=self.env, capture_output=True, text=True, check=False
        )
        return done.stdout


def fill(fed: LocalFederation) -> None:
    """The master's CDEs and every hospital's files."""
    generator.write(fed.data_path("fed1-ms"), generator.node_of_master())
    for number, node in enumerate(fed.workers(), 1):
        generator.write(fed.data_path(node), generator.hospital(number))
    fed.write_data("fed1-wk-h1", "dementia", "edsd.csv", b"dataset\n" + b"edsd\n" * 12)


def typed(fed: LocalFederation, text: str) -> subprocess.CompletedProcess[str]:
    """By a shell, since it is typed into one; the programs know their configuration."""
    for name, here in HERE.items():
        text = text.replace(name, here)
    environment = {**fed.env(), "SALT_CONFIG_DIR": str(fed.hosts["pusher"].config)}
    path = f"{salthost.BIN}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
