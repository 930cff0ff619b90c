"""The cables: a bridge in a namespace of its own, out of the machine's firewall's reach.

One veth a host; its end on the bridge is `h<number>`, so that a host whose kernel is gone
can still be found. When a host's power goes, its cable goes with its namespace.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.support.bed.layout import PREFIX_LENGTH, HostSpec
from tests.support.bed.processes import marked_environment

BRIDGE = "bridge"


class Network:
    """The bridge of one bed; `holder` is the process that keeps its namespace."""

    def __init__(self, holder: int) -> None:
        self.holder = holder

    @classmethod
    def start(cls, root: Path) -> Network:
        process = subprocess.Popen(
            ["unshare", "--net", "sleep", "infinity"],
            env=marked_environment(root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        ours = Path("/proc/self/ns/net").readlink()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{process.pid}/ns/net").readlink() == ours:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the bridge's network namespace did not come up")
            time.sleep(0.005)
        network = cls(process.pid)
        network.ip("link", "add", BRIDGE, "type", "bridge")
        network.ip("link", "set", BRIDGE, "up")
        return network

    def ip(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`ip` in the bridge's namespace."""
        return subprocess.run(
            ["nsenter", "-t", str(self.holder), "-n", "ip", *arguments],
            check=check,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def plug(self, host: HostSpec, pid: int) -> None:
        """Gives the host whose init is `pid` its eth0. A cable that was cut is whole again."""
        cable = f"h{host.number}"
        # the old cable goes some moments after the old kernel
        self.ip("link", "delete", cable, check=False)
        self.ip(
            *("link", "add", cable, "type", "veth", "peer", "name", "eth0"),
            *("address", host.hardware_address, "netns", str(pid)),
        )
        self.ip("link", "set", cable, "master", BRIDGE, "up")

    def cut(self, host: HostSpec) -> None:
        self.ip("link", "set", f"h{host.number}", "down")

    def heal(self, host: HostSpec) -> None:
        self.ip("link", "set", f"h{host.number}", "up")

    def slow(self, host: HostSpec, pid: int, seconds: float, root: Path) -> int:
        """Puts a relay in the cable's place that holds each frame for `seconds`, both ways.

        Returns the relay's pid; the cable goes with it, and is quick when it is plugged anew.
        """
        cable = f"h{host.number}"
        self.ip("link", "delete", cable, check=False)
        relay = subprocess.Popen(
            [
                *("nsenter", "-t", str(self.holder), "-n", sys.executable, "-I"),
                *(str(Path(__file__).with_name("relay.py")), cable, str(pid), str(seconds)),
            ],
            env=marked_environment(root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        # it says so when both ends are there
        if relay.stdout is None or not relay.stdout.readline():
            raise RuntimeError(f"no relay for {host.name}: exit code {relay.wait()}")
        self.ip("link", "set", cable, "master", BRIDGE, "up")
        inside = ("nsenter", "-t", str(pid), "-n", "ip")
        for arguments in (
            ("link", "set", "eth0", "address", host.hardware_address),
            ("address", "add", f"{host.address}/{PREFIX_LENGTH}", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
        ):
            subprocess.run([*inside, *arguments], check=True, stdin=subprocess.DEVNULL)
        return relay.pid
