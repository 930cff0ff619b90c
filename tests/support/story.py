"""The story that ``make demo`` tells: two hospitals, their data, and what an operator sees.

Each command runs as an operator would type it; what it prints is what they would read.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support import generator
from tests.support.local import PUSHER, LocalFederation

H1, H2 = "fed1-wk-h1", "fed1-wk-h2"
NOISE = ("unclosed ", "[WARNING ] unclosed ")
"""Salt's own words about itself on standard error; they concern nobody here."""


def tell(text: str) -> None:
    print(f"\n{text}", flush=True)


def shown(fed: LocalFederation, host: str, command: Sequence[str], *, code: int = 0) -> None:
    """Print a command as typed on that host, run it there, and let it speak.

    The story ends where a command does not exit as it should.
    """
    typed = " ".join(f"'{part}'" if " " in part or "*" in part else part for part in command)
    print(f"\n{host}$ {typed}", flush=True)
    argv = fed.command(command[0], host, "-l", "quiet", *command[1:])
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=fed.env()) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if not line.startswith(NOISE):
                print(line, end="", file=sys.stderr, flush=True)
    if running.returncode:
        print(f"(exit code {running.returncode})", flush=True)
    if running.returncode != code:
        sys.exit(f"That was to exit with {code}.")


def listed(fed: LocalFederation, node: str) -> None:
    path = fed.data_path(node)
    print(f"\n{node}:{path}", flush=True)
    for file in sorted(path.glob("*/*")):
        print(f"    {file.relative_to(path)}  ({file.stat().st_size:,} bytes)")


def fill(fed: LocalFederation) -> None:
    generator.write(fed.data_path("fed1-ms"), generator.node_of_master())
    generator.write(fed.data_path(H1), generator.hospital(1))
    generator.write(fed.data_path(H2), generator.hospital(2, bad=True))


def change(fed: LocalFederation) -> None:
    """One hospital gives a new cohort, the other mends its file."""
    table = generator.table("new cohort", "dementia", ["delta"], 120)
    fed.write_data(H1, "dementia", "delta.csv", table)
    bad: Path = fed.data_path(H2) / "dementia" / generator.BAD_FILE
    mended = generator.table("mended", "dementia", ["visits-2"], 200)
    bad.write_bytes(mended)


def tell_all(fed: LocalFederation) -> None:
    consolidate = ["salt-run", "mip.consolidate", "federation=fed1"]
    compile_ = ["salt-run", "mip.compile", "federation=fed1"]

    tell("Two hospitals and the federation's master have data. No row of it will leave its node.")
    for node in ("fed1-ms", H1, H2):
        listed(fed, node)

    tell("The operator consolidates: who has what, and is it sound? All nodes learn of it.")
    shown(fed, PUSHER, consolidate)

    tell("The data manager of h2 looks at the file, on the hospital's own machine.")
    folder = str(fed.data_path(H2) / "dementia")
    shown(fed, H2, ["salt-call", "--local", "mip.check", folder], code=1)

    tell("The engine reads databases: compile them. The bad file stays out, so the exit code is 1.")
    shown(fed, PUSHER, compile_, code=1)

    tell("Hospital h1 adds a cohort; h2 mends its file.")
    change(fed)
    listed(fed, H1)

    tell("What would a consolidation do? (Nothing is written.)")
    shown(fed, PUSHER, [*consolidate, "dry_run=True"])
    tell("Do it.")
    shown(fed, PUSHER, consolidate)

    tell("Compile what is stale by now.")
    shown(fed, PUSHER, compile_)

    tell("What changed between the two generations?")
    shown(fed, PUSHER, ["salt-run", "mip.diff", "federation=fed1", "a=1", "b=2"])

    tell("Once more, with nothing changed: nothing is written.")
    shown(fed, PUSHER, consolidate)


def main() -> int:
    began = time.monotonic()
    print("A federation of plain processes on loopback: a pusher (the Salt master), the master")
    print("node, the ui and two hospitals (Salt minions). No root, no Docker.", flush=True)
    with LocalFederation(workers=2) as fed:
        print(f"Up after {time.monotonic() - began:.0f} s, below {fed.root}.", flush=True)
        fill(fed)
        tell_all(fed)
    tell(f"Everything is taken away again, after {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
