"""A slow cable: passes frames between two TAP devices, each after a delay.

Runs by itself (`python -I relay.py DEVICE PID SECONDS`) in the bridge's namespace; the other
device is eth0 in the network namespace of PID. The kernel here has no netem.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
CLONE_NEWNET = 0x40000000
FRAME = 65536


def tap(name: str) -> int:
    """Makes the device in the current namespace; it goes with the descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI)
    fcntl.ioctl(descriptor, TUNSETIFF, request)
    return descriptor


def enter_network_of(pid: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open() as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network of {pid}")


def pass_on(ends: tuple[int, int], seconds: float) -> None:
    """For ever; a frame that the other side cannot take at once is lost, as on any cable."""
    under_way: deque[tuple[float, int, bytes]] = deque()
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select(ends, (), (), wait)
        now = time.monotonic()
        for end in ready:
            under_way.append((now + seconds, other[end], os.read(end, FRAME)))
        while under_way and under_way[0][0] <= now:
            _, end, frame = under_way.popleft()
            try:
                os.write(end, frame)
            except OSError:
                continue


def main() -> None:
    device, pid, seconds = sys.argv[1:]
    bridge_end = tap(device)
    enter_network_of(pid)
    host_end = tap("eth0")
    print("ready", flush=True)
    pass_on((bridge_end, host_end), float(seconds))


if __name__ == "__main__":
    main()
