"""Starts a master or a worker, as the environment says."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from . import STAND_IN
from .clock import Clock
from .keystore import Keystore
from .master import Master
from .service import log
from .worker import Worker

DATA = Path("/root/exareme/data")


def main() -> int:
    # the first process of a container has no default for signals
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    environment = os.environ
    role = environment.get("FEDERATION_ROLE", "")
    name = environment.get("NODE_NAME", "")
    version = environment.get("VERSION", "of no version")
    clock = Clock(float(environment.get("ENGINE_CLOCK") or 1))
    log(f"this is {STAND_IN} ({version}), {role} {name}, its clock {clock.factor:g} times faster")
    kinds = {"master": Master, "worker": Worker}
    if role not in kinds or not name or not environment.get("CONSULURL"):
        log("error: FEDERATION_ROLE (master or worker), NODE_NAME and CONSULURL are required")
        return 2
    try:
        kinds[role](name, DATA, Keystore(environment["CONSULURL"]), clock).serve()
    except OSError as error:
        log(f"error: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
