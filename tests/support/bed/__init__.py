"""A federation on one machine: every host with a kernel's worth of its own.

A host is a network, host name, mount and process namespace under one small init, with a
root file system that is the machine's with the host's own files over it, and on it what a
node of a federation has: dockerd, sshd, a Salt minion (on the pusher the master).

`Bed` is what tests use; `python -m tests.support.bed` is the same for a person.
"""

from tests.support.bed.bed import Bed
from tests.support.bed.layout import BedUnavailable, HostSpec, Layout

__all__ = ["Bed", "BedUnavailable", "HostSpec", "Layout"]
