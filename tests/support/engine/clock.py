"""exareme's clock: seconds as measured on 24.5.1, divided by a factor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

START = 10.0  # from the container's start until the engine listens
LOOK = 1.0  # between two looks for the keystore, for a master, and at the master's registry
ACTIVE = 50.0  # from being in active_nodes until it is registered in the keystore
PING = 5.0  # between two pings of the master, of which none may fail
SILENCE = 30.0  # until a ping failed (NODE_COMMUNICATION_TIMEOUT); never made faster
CHECK = 120.0  # between two checks that the master knows it
TRIES, TRY = 5, 60.0  # of such a check, and between two of them


@dataclass(frozen=True)
class Clock:
    """``factor`` is how much faster it is."""

    factor: float = 1.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, seconds: float) -> None:
        self.sleep(seconds / self.factor)
