"""What a Salt master or minion of a test has on disk: configuration and keys, in its own root.

Keys are made here and put where the other side looks for them, so that each side knows the other's
before they first talk: nothing is accepted on trust, and nothing has to be accepted by hand.
"""

from __future__ import annotations

import getpass
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BIN = Path(sys.executable).parent
"""Where the environment that runs the tests has its commands; the path of a venv, not resolved."""

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now, all different."""
    with ExitStack() as open_sockets:
        found = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in found]


def command(name: str) -> str:
    """Salt's command of that name, of the environment that runs the tests."""
    path = BIN / name
    if not path.exists():
        raise FileNotFoundError(f"{path}: the environment has no Salt; install '.[salt,tests]'")
    return str(path)


class Host:
    """A root folder of Salt, with its configuration, log and keys."""

    def __init__(self, root: Path, role: str) -> None:
        self.root = root
        self.role = role
        self.config = root / "etc" / "salt"
        self.log = root / "log"
        self.output = root / "output"

    def prepare(self, settings: Mapping[str, Any], config: Path | None = None) -> None:
        """Write the configuration; to another folder than the host's own where one is named."""
        config = config or self.config
        config.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump({**self.common(), **settings}, sort_keys=False)
        (config / self.role).write_text(text, encoding="utf-8")

    def common(self) -> dict[str, Any]:
        """Settings of master and minion alike."""
        return {
            "root_dir": str(self.root),
            "user": getpass.getuser(),
            # sockets have short paths: /tmp/x/fed1-wk-h10/run stays well below 108 bytes
            "sock_dir": "/run",
            "log_file": str(self.log),
            "log_level_logfile": "info",
            "enable_fqdns_grains": False,
            "enable_gpu_grains": False,
        }

    @property
    def pki(self) -> Path:
        return self.config / "pki" / self.role

    def make_key(self) -> bytes:
        """A key pair of its own; returns the public half."""
        self.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        secret = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        pem = self.pki / f"{self.role}.pem"
        pem.touch(mode=0o600)
        pem.write_bytes(secret)
        (self.pki / f"{self.role}.pub").write_bytes(public)
        return public

    def trust(self, name: str, public: bytes) -> None:
        """Know the key of another: ``name`` is the place where this role looks for it."""
        path = self.pki / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(public)


def master_settings(
    name: str, ports: tuple[int, int], states: Path, pillar: Path
) -> dict[str, Any]:
    return {
        "id": name,
        "interface": LOOPBACK,
        "publish_port": ports[0],
        "ret_port": ports[1],
        "worker_threads": 3,
        # a minion that was killed is missing after two rounds of this, longer on a busy machine
        "gather_job_timeout": 4,
        "file_roots": {"base": [str(states)]},
        "pillar_roots": {"base": [str(pillar)]},
    }


def minion_settings(name: str, ports: tuple[int, int]) -> dict[str, Any]:
    return {
        "id": name,
        "master": LOOPBACK,
        "publish_port": ports[0],
        "master_port": ports[1],
        # started together, they shall not wait for one another's sake
        "acceptance_wait_time": 1,
        "random_reauth_delay": 1,
        "recon_default": 200,
        "recon_max": 1000,
        "mine_enabled": False,
    }
