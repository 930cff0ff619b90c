"""What breaks a host, and what mends it."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.bed.host import Host

SLOW = 1.0  # seconds, each way

FAULTS: dict[str, Callable[[Host], None]] = {
    "cut": lambda host: host.network.cut(host.spec),
    "heal": lambda host: host.heal(),
    "poweroff": lambda host: host.power_off(),
    "poweron": lambda host: host.power_on(),
    # comes back by itself after some seconds, as under an operator's systemd
    "kill-dockerd": lambda host: host.kill_service("dockerd"),
    "kill-minion": lambda host: host.kill_service("minion"),
    # stays down until it is started, or the power comes on
    "stop-dockerd": lambda host: host.stop_service("dockerd"),
    "start-dockerd": lambda host: host.start_service("dockerd"),
    "stop-minion": lambda host: host.stop_service("minion"),
    "start-minion": lambda host: host.start_service("minion"),
    # a node that was installed again: its engine has lost its state and images
    "wipe-docker": lambda host: host.wipe_docker(),
    # each frame takes a second each way; heal makes the cable quick again
    "slow": lambda host: host.slow_down(SLOW),
    # the data disk
    "unmount-data": lambda host: _mount(host, "umount", "-l", "/data"),
    "mount-data": lambda host: _mount(host, "mount", "--bind", "/run/bed/data", "/data"),
}


def _mount(host: Host, *command: str) -> None:
    host.run(*command)


class UnknownFault(ValueError):
    """There is no such fault."""


def inflict(host: Host, what: str) -> None:
    """Breaks or mends; UnknownFault says what there is."""
    try:
        fault = FAULTS[what]
    except KeyError:
        raise UnknownFault(f"{what!r} is none of {', '.join(FAULTS)}") from None
    fault(host)
