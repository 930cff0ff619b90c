"""``python -m benchmarks [NAME…]``: run those, or all, one after the other.

A benchmark is a module here with ``main() -> dict``; what it returns is also left in
``.bench/NAME.json``, to compare with another day's.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / ".bench"
NOT_BENCHMARKS = {"__init__", "__main__", "measure"}


def main() -> int:
    known = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    names = sys.argv[1:] or known
    if unknown := set(names) - set(known):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
        return 1
    machine = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "salt": version("salt"),
        "saltext-mip": version("saltext-mip"),
    }
    print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    if machine["load"] > 1:
        print("Something else runs on this machine: figures are worse than they could be.")
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        print(f"\n== {name}", flush=True)
        result = importlib.import_module(f"benchmarks.{name}").main()
        text = json.dumps({"machine": machine, name: result}, indent=2)
        (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
