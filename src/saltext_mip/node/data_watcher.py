"""Looks at data paths from a process of its own, for the beacon in the minion's main process.

That process must never wait for a disk. So it sends a request, and takes the answer when it is
there, at this look or at a later one. The watcher is started once, is a fresh interpreter (a copy
of the minion would keep its memory and its connections), and ends with the minion: its input ends.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saltext_mip.node.reminders import Fingerprint, mark_to_json
from saltext_mip.storage.hanging import PATIENCE

WAIT = 0.1  # seconds that the minion's loop waits for an answer

_CODE = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from saltext_mip.node import data_watcher; data_watcher.serve()"
)


class WatcherEnded(OSError):
    """The process ended by itself."""


@dataclass(frozen=True)
class Looks:
    """Each data path's fingerprint, and the seconds of a processor that it took."""

    fingerprints: Mapping[Path, Fingerprint]
    cpu: float


class DataWatcher:
    """The process, as its starter sees it. One request is under way at a time."""

    def __init__(self, wait: float = WAIT, patience: float = PATIENCE) -> None:
        self._wait = wait
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._asked: list[Path] = []
        self._answer = b""

    def looks(self, places: Sequence[tuple[Path, Path]]) -> Looks | None:
        """The answer about these pairs of data path and state, or about those of the last request.

        ``None`` while there is none yet. ``OSError`` where the process cannot be had: the next call
        starts another.
        """
        process = self._process or self._start()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:  # never: both are pipes
            raise WatcherEnded("no pipes")
        try:
            if not self._asked:
                self._asked = [data_path for data_path, _ in places]
                asked = [[str(data_path), str(state)] for data_path, state in places]
                request = json.dumps({"places": asked, "patience": self._patience})
                os.write(stdin.fileno(), request.encode() + b"\n")
            if not self._complete(stdout.fileno()):
                return None
        except OSError:
            self.close()
            raise
        value = json.loads(self._answer)
        places_asked, self._asked, self._answer = self._asked, [], b""
        found = [Fingerprint(int(number, 16), newest) for number, newest in value["looks"]]
        return Looks(dict(zip(places_asked, found, strict=True)), value["cpu"])

    def close(self) -> None:
        """End the process, if there is one. One that waits for a disk ends when it can."""
        process, self._process = self._process, None
        self._asked, self._answer = [], b""
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(  # noqa: S603 - a list; our own interpreter and code
            [sys.executable, "-I", "-S", "-c", _CODE, *filter(None, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
        return self._process

    def _complete(self, fd: int) -> bool:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        until = time.monotonic() + self._wait
        while not self._answer.endswith(b"\n"):
            left = until - time.monotonic()
            if not poll.poll(max(0.0, left) * 1000):
                return False
            if not (piece := os.read(fd, 1 << 16)):
                raise WatcherEnded("the process that looks at the data ended")
            self._answer += piece
        return True


#: Of this process. A module of Salt's loader is made again with each refresh; this one is not.
WATCHER = DataWatcher()


def serve() -> None:
    """The process itself: a line of JSON in, a line of JSON out, until the input ends."""
    from saltext_mip.node import data_disk

    for line in sys.stdin:
        began = time.process_time()
        request = json.loads(line)
        patience = request["patience"]
        found = [
            data_disk.look(Path(data_path), Path(state), patience=patience)
            for data_path, state in request["places"]
        ]
        cpu = time.process_time() - began
        looks = [[mark_to_json(each.mark), each.newest] for each in found]
        sys.stdout.write(json.dumps({"looks": looks, "cpu": cpu}) + "\n")
        sys.stdout.flush()
    os._exit(0)  # a thread may wait for a disk
