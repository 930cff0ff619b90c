"""The bed's command line: check, up, down, exec, fault."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.support.bed import commands, machine
from tests.support.bed.bed import Bed
from tests.support.bed.faults import FAULTS, UnknownFault
from tests.support.bed.host import HostOff
from tests.support.bed.layout import BedUnavailable, Layout
from tests.support.bed.pillar import CLOCK

FASTEST = 1000  # beyond, its pings are more than a machine of two cores can answer


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m tests.support.bed", description=__doc__)
    actions = top.add_subparsers(dest="action", required=True)
    up = actions.add_parser("up", help="bring up a federation of hosts")
    up.add_argument("--workers", type=int, default=3)
    up.add_argument("--settle", type=float, help="seconds; the pillar's reactor.settle")
    up.add_argument(
        "--clock",
        type=_factor,
        default=CLOCK,
        help=f"how much faster than exareme's the engine stand-in's clock is (default: {CLOCK})",
    )
    up.add_argument("--keycloak", action="store_true", help="with a Keycloak on the pusher")
    actions.add_parser("check", help="whether this machine can have one; installs what is missing")
    actions.add_parser("down", help="take everything away")
    run = actions.add_parser("exec", help="run a command in a host")
    run.add_argument("host")
    run.add_argument("command", nargs=argparse.REMAINDER)
    fault = actions.add_parser("fault", help="break or mend a host")
    fault.add_argument("host")
    fault.add_argument("what", choices=FAULTS)
    return top


def _factor(text: str) -> float:
    factor = float(text)
    if not 0 < factor <= FASTEST:
        raise argparse.ArgumentTypeError(f"between 0 and {FASTEST}")
    return factor


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        return _do(arguments)
    except (BedUnavailable, HostOff, UnknownFault, ValueError) as error:
        print(f"bed: {error}", file=sys.stderr)
        return 1


def _do(arguments: argparse.Namespace) -> int:
    match arguments.action:
        case "check":
            machine.require()
        case "up":
            began = time.monotonic()

            def say(line: str) -> None:
                print(f"{time.monotonic() - began:5.1f} s  {line}", file=sys.stderr, flush=True)

            bed = Bed.up(
                workers=arguments.workers,
                settle=arguments.settle,
                clock=arguments.clock,
                keycloak=arguments.keycloak,
                say=say,
            )
            commands.write(bed.layout.root)
            say(f"up: {' '.join(bed.hosts)}")
        case "down":
            layout = Layout.default()
            commands.remove(layout.root)
            Bed.remove(layout)
        case "exec":
            command = Bed.attach().host(arguments.host).enter(*(arguments.command or ["bash"]))
            os.execvp(command[0], command)
        case "fault":
            Bed.attach().fault(arguments.host, arguments.what)
    return 0


if __name__ == "__main__":
    sys.exit(main())
