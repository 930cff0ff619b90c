"""Whatever a node answers costs the pusher little, and is read or refused: nothing else happens.

The answers are read in a process of its own, which ends where one costs far too much.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saltext_mip import wire
from tests.support.answer_reader import READERS

ROOT = Path(__file__).resolve().parents[2]
MOST = 100  # megabytes that an answer may take while it is read


class Reader:
    """The process that reads answers."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "answer"
        command = [sys.executable, "-m", "tests.support.answer_reader"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self, kind: str, text: str) -> str:
        """What it came to; an error where it cost too much, or ended the process."""
        self._file.write_text(text, encoding="utf-8")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{kind}\t{self._file}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the reader ended with {self._process.wait()}"
        found = json.loads(line)
        assert found["megabytes"] < MOST, found
        came_to: str = found["came_to"]
        assert came_to == "ok" or came_to.startswith("refused: ")
        return came_to

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    made = Reader(tmp_path_factory.mktemp("answers"))
    yield made
    made.close()


def packed(data: bytes) -> str:
    """As a node would send that text, whatever it is."""
    return base64.b85encode(zlib.compress(data, 9)).decode()


def bomb(megabytes: int) -> str:
    """A JSON document of one long list of nothing."""
    deflater = zlib.compressobj(9)
    pieces = [deflater.compress(b"[")]
    pieces += [deflater.compress(b" " * wire.MEGABYTE) for _ in range(megabytes)]
    pieces += [deflater.compress(b"]"), deflater.flush()]
    return base64.b85encode(b"".join(pieces)).decode()


PROBLEM = {"rule": "NotUtf8"}


def inventory(**more: Any) -> dict[str, Any]:
    return {
        "form": 1,
        "federation": "fed1",
        "node": "fed1-wk-h1",
        "status": "ok",
        "enrolled": True,
        "problems": [],
        "pathologies": [],
        "headers": [],
        **more,
    }


def pathology(number: int, files: list[Any], **more: Any) -> dict[str, Any]:
    return {"name": f"p{number:05}", "cde": None, "problems": [], "files": files, **more}


def file(number: int, **more: Any) -> dict[str, Any]:
    return {
        "name": f"f{number:06}.csv",
        "size": 1,
        "sha256": "0" * 64,
        "rows": 1,
        "datasets": [],
        "problems": [],
        "verified": {},
        "header": 0,
        **more,
    }


def of_json(value: Any) -> str:
    return packed(json.dumps(value, ensure_ascii=False).encode())


STATES = {f"d{number}": {"current": True, "reason": None} for number in range(150_000)}
DATASETS = [[f"d{number}", 1] for number in range(1000)]
HOSTILE: Mapping[str, tuple[str, str]] = {
    "a bomb": ("inventory", bomb(512)),
    "problems": ("inventory", of_json(inventory(problems=[PROBLEM] * 100_000))),
    "problems everywhere": (
        "inventory",
        of_json(
            inventory(pathologies=[pathology(n, [], problems=[PROBLEM] * 1000) for n in range(205)])
        ),
    ),
    "files": (
        "inventory",
        of_json(
            inventory(
                headers=[["dataset"]],
                pathologies=[pathology(n, list(map(file, range(20_000)))) for n in range(5)],
            )
        ),
    ),
    "datasets": (
        "inventory",
        of_json(
            inventory(
                headers=[["dataset"]],
                pathologies=[pathology(0, [file(n, datasets=DATASETS) for n in range(300)])],
            )
        ),
    ),
    "a long text": ("inventory", of_json(inventory(problems=[{"rule": "x" * (30 << 20)}]))),
    "wrong at the end": (
        "inventory",
        of_json(inventory(problems=[*[PROBLEM] * 99_999, {"rule": 1}])),
    ),
    "databases": ("status", of_json({"databases": STATES})),
    "databases, wrong at the end": ("status", of_json({"databases": {**STATES, "z": 1}})),
    "states": (
        "applied",
        of_json({"states": [{"result": True, "comment": "", "changes": {"a": ["b"]}}] * 80_000}),
    ),
    "lines of a log": (
        "log",
        of_json({"component": "exareme", "lines": [[1.5, "x"]] * 300_000}),
    ),
    "a line of a log": (
        "log",
        of_json({"component": "exareme", "lines": [[1.5, "x" * (30 << 20)]]}),
    ),
    "host keys": ("host keys", of_json(["ssh-rsa " + "A" * 1_000_000] * 8)),
    "a host key": ("host keys", of_json(["ssh-rsa " + "A" * (30 << 20)])),
    "lists in lists": ("inventory", packed(b"[" * 900 + b"]" * 900)),
    "more lists in lists": ("inventory", packed(b"[" * 900_000)),
    "many lists": ("inventory", packed(b"[" + b"[]," * 600_000 + b"1]")),
    "many objects": ("status", packed(b"[" + b"{}," * 300_000 + b"1]")),
    "numbers": ("inventory", packed(b"[" + b"1e5," * 1_000_000 + b"1]")),
    "a number": ("inventory", packed(b"1" * 4_000_000)),
    "long numbers": ("inventory", packed(b"[" + (b"1" * 4000 + b",") * 8000 + b"1]")),
    "escapes": ("inventory", packed(b'["' + b"\\u0041" * 5_000_000 + b'"]')),
    "backslashes": ("inventory", packed(b'["' + b"\\\\" * 15_000_000 + b'"]')),
    "wide text": (
        "inventory",
        of_json(inventory(problems=[{"rule": "x", "about": "\U0001f600" * 1000}] * 8000)),
    ),
    "no end": ("inventory", packed(b"[1]")[:-5]),
    "more at the end": ("inventory", packed(b"[1]") + "0" * 1_000_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_costs_little(reader: Reader, name: str) -> None:
    reader.read(*HOSTILE[name])


def test_what_a_large_hospital_sends_is_read(reader: Reader) -> None:
    """2,000 files of 500 columns, all of other names, half of them with many problems."""
    headers = [["dataset", *(f"c{n:04}_{m:03}" for m in range(499))] for n in range(2000)]
    problems = [{"rule": "TooFewFields", "line": n, "about": "3 of 500"} for n in range(20)]
    files = [file(n, header=n, problems=problems * (n % 2)) for n in range(2000)]
    value = inventory(headers=headers, pathologies=[pathology(0, files)])
    assert reader.read("inventory", wire.deflate_answer(value)) == "ok"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["ok", "fed1", "fed1-wk-h1", "NotUtf8", "x.csv", "0" * 64, "1/1", "<10"]),
    lambda of: (
        st.lists(of, max_size=5)
        | st.dictionaries(
            st.sampled_from(
                [
                    *inventory(),
                    *pathology(0, []),
                    *file(0),
                    *("rule", "line", "lines", "about", "count", "column", "services", "nodes"),
                    *(
                        "swarm",
                        "plan",
                        "served",
                        "words",
                        "data",
                        "databases",
                        "states",
                        "findings",
                    ),
                ]
            )
            | st.text(max_size=8),
            of,
            max_size=8,
        )
    ),
    max_leaves=40,
)
whole = st.fixed_dictionaries(
    {}, optional={key: values | st.just(value) for key, value in inventory().items()}
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(READERS)), values | whole)
def test_any_value_is_read_or_refused(reader: Reader, kind: str, value: Any) -> None:
    reader.read(kind, wire.deflate(value))


@settings(max_examples=200)
@given(st.sampled_from(sorted(READERS)), st.binary(max_size=200), st.text(max_size=50))
def test_any_bytes_are_read_or_refused(reader: Reader, kind: str, data: bytes, text: str) -> None:
    reader.read(kind, packed(data))
    reader.read(kind, text.replace("\r", "").encode("utf-8", "replace").decode())
