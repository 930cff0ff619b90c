"""Python in a process of its own whose memory is limited."""

from __future__ import annotations

import subprocess
import sys


def limited(more: int, imports: str, script: str, *arguments: str) -> str:
    """What ``script`` prints, which may use ``more`` MB beyond Python with these ``imports``."""
    setup = (
        "import resource, sys\n"
        f"{imports}\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (used + ({more} << 20),) * 2)\n"
    )
    made = subprocess.run(
        [sys.executable, "-c", setup + script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return made.stdout.strip()
