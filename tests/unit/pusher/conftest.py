"""A federation of folders with a little data."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.folders import Folders

F = TypeVar("F", bound=Folders)


def cde(*datasets: str, code: str = "dementia", **more: Any) -> str:
    """A CDE with the variables dataset (text), age (int) and mmse (real)."""
    variables = [
        {
            "code": "dataset",
            "label": "Dataset",
            "sql_type": "text",
            "isCategorical": True,
            "type": "nominal",
            "enumerations": [{"code": name, "label": name.upper()} for name in datasets],
        },
        {
            "code": "age",
            "label": "Age",
            "sql_type": "int",
            "type": "integer",
            "isCategorical": False,
        },
        {
            "code": "mmse",
            "label": "MMSE",
            "sql_type": "REAL",
            "type": "real",
            "isCategorical": False,
        },
    ]
    tree = {"code": code, "label": code.capitalize(), "variables": variables, "groups": []}
    return json.dumps({**tree, **more}, indent=2) + "\n"


def rows(dataset: str, count: int = 12) -> str:
    """A CSV file with that many rows."""
    return "dataset,age,mmse\n" + f"{dataset},70,28.5\n" * count


def with_data(made: F) -> F:
    """The same federation, with two workers' datasets and the CDE on the master."""
    made.write("fed1-ms", "dementia", "CDEsMetadata.json", cde())
    made.write("fed1-wk-h1", "dementia", "edsd.csv", rows("edsd"))
    made.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi"))
    return made


@pytest.fixture
def fed(tmp_path: Path) -> Folders:
    """Two workers, one dataset each, and the CDE on the master."""
    return with_data(Folders(tmp_path))


class Catalogue(dict[str, str]):
    """A data catalogue's address, under ``host``, and CDEs by pathology.

    ``asked`` is called with each pathology that it is asked for, before it answers.
    """

    asked: Callable[[str], None] = staticmethod(lambda _: None)


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    """A data catalogue on loopback."""
    cdes = Catalogue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("/")[3]
            cdes.asked(name)
            body = json.dumps({"jsonString": cdes.get(name)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Not on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        cdes["host"] = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield cdes
        server.shutdown()
        thread.join()
