"""Mutation run: ``python tools/mutation.py PACKAGE… [--sample 8] [--seed N]``.

Changes one place of a package at a time, as a programming mistake would (``<`` for ``<=``, another
constant, a condition that is left out), and runs that package's unit tests. A mutant that the
tests do not notice survives, and is printed: a test is missing, or the code is not needed. All of
it happens in a copy of the checkout. Each mutant takes as long as the package's unit tests, so the
run takes a random sample, the same for a seed. Exits with 1 if a mutant survived.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

CHECKOUT = Path(__file__).resolve().parent.parent
PLACE = CHECKOUT / ".cache" / "mutation"
CONFIG = """\
[cosmic-ray]
module-path = "src/saltext_mip/{package}"
timeout = {timeout}
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider tests/unit/{package}"

[cosmic-ray.distributor]
name = "local"
"""
TIMEOUT = 900.0
"""Seconds after which a mutant counts as noticed: its tests do not end any more."""


def copied() -> Path:
    """A copy of the files that git knows, as they are now."""
    tree = PLACE / "tree"
    shutil.rmtree(PLACE, ignore_errors=True)
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in [*filter(None, names), "src/saltext_mip/_version.py"]:
        if (CHECKOUT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, tree / name)
    return tree


def cosmic_ray(tree: Path, *arguments: str) -> None:
    """Run cosmic-ray in the copy, whose code comes before the installed one."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
    program = Path(sys.executable).with_name("cosmic-ray")
    subprocess.run([str(program), *arguments], cwd=tree, env=environment, check=True)


def survivors(tree: Path, package: str, sample: int, seed: int) -> list[str]:
    """Run a sample of a package's mutants. Prints a line for it, returns the survivors' diffs."""
    config = tree / "mutation.toml"
    session = tree / f"{package.replace('/', '-')}.sqlite"
    config.write_text(
        CONFIG.format(package=package, python=sys.executable, timeout=TIMEOUT), encoding="utf-8"
    )
    cosmic_ray(tree, "baseline", str(config))  # the tests pass before anything is changed
    cosmic_ray(tree, "init", str(config), str(session))
    with use_db(str(session), WorkDB.Mode.open) as database:
        all_of_them = sorted(
            database.work_items, key=lambda item: [repr(each) for each in item.mutations]
        )
        chosen = random.Random(seed).sample(all_of_them, min(sample, len(all_of_them)))
        left_out = {item.job_id for item in all_of_them} - {item.job_id for item in chosen}
        database.set_multiple_results(left_out, WorkResult(WorkerOutcome.SKIPPED))
    cosmic_ray(tree, "exec", str(config), str(session))
    with use_db(str(session), WorkDB.Mode.open) as database:
        ran = [result for _, result in database.results if result.test_outcome is not None]
    if len(ran) != len(chosen):
        raise SystemExit(f"{package}: {len(ran)} of {len(chosen)} mutants ran")
    alive = [str(result.diff) for result in ran if result.test_outcome != TestOutcome.KILLED]
    print(f"{package}: {len(ran) - len(alive)} of {len(ran)} mutants noticed", flush=True)
    return alive


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("packages", nargs="+", help="e.g. data/cde, generations, controller")
    parser.add_argument("--sample", type=int, default=8, help="mutants of each package (8)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    tree = copied()
    alive = [
        diff
        for package in arguments.packages
        for diff in survivors(tree, package, arguments.sample, arguments.seed)
    ]
    for diff in alive:
        print(f"\nsurvived:\n{diff}")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
