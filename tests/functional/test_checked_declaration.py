"""A declaration is checked when it is new, and not again while it is the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from saltext_mip import federation, schemas
from saltext_mip.bridge.pillar import declared
from saltext_mip.errors import DeclarationError
from saltext_mip.pillar import mip as external
from saltext_mip.storage.state import CHECKED_DECLARATION
from tests.functional.test_pillar_errors import opts
from tests.support import pillars


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The schemas that a value was checked against."""
    made: list[str] = []

    def first_error(schema: Any, value: Any) -> Any:
        made.append(schema)
        return original(schema, value)

    original = schemas.first_error
    monkeypatch.setattr(federation.schemas, "first_error", first_error)
    return made


def write(root: Path, **more: Any) -> dict[str, Any]:
    """The options of a pusher that declares one federation, with ``more`` keys."""
    made = opts(root)
    value = {**pillars.declaration(root, "fed1", index=0, workers=1), **more}
    text = yaml.safe_dump({"mip": {"federations": {"fed1": value}}})
    (root / "pillar" / "secrets.sls").write_text(text)
    return made


def test_it_is_checked_again_only_when_it_changed(tmp_path: Path, checks: list[str]) -> None:
    first = declared(write(tmp_path))
    assert checks == ["name", "pillar"]
    assert declared(write(tmp_path)) == first
    assert checks == ["name", "pillar"]
    changed = declared(write(tmp_path, min_count=7))
    assert checks == ["name", "pillar"] * 2
    assert changed["fed1"].min_count == 7


def test_one_that_is_wrong_is_an_error_each_time(tmp_path: Path, checks: list[str]) -> None:
    declared(write(tmp_path))
    for _ in range(2):
        with pytest.raises(DeclarationError, match="min_count"):
            declared(write(tmp_path, min_count="many"))
    assert len(checks) == 6


def test_a_record_that_another_wrote_means_a_check(tmp_path: Path, checks: list[str]) -> None:
    made = write(tmp_path)
    declared(made)
    (Path(made["cachedir"]) / CHECKED_DECLARATION).write_bytes(b"")
    declared(made)
    assert len(checks) == 4


def test_a_declaration_that_is_known_imports_no_jsonschema(tmp_path: Path) -> None:
    write(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from saltext_mip.bridge.pillar import declared\n"
        "from tests.functional.test_pillar_errors import opts\n"
        "print(list(declared(opts(Path(sys.argv[1])))), 'jsonschema' in sys.modules)\n"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    out = [subprocess.run(argv, capture_output=True, text=True, check=True).stdout for _ in "12"]
    assert out == ["['fed1'] True\n", "['fed1'] False\n"]


@pytest.mark.parametrize(
    "pillar",
    [
        {},
        {"mip": None},
        {"mip": {"federations": [1]}},
        {"mip": {"federations": {"fed1": None, "fed2": {"nodes": ["fed1-ms"]}}}},
        {"mip": {"federations": {"fed1": {"nodes": {"fed1-ui": {}}}}}},
    ],
)
def test_the_declaration_is_not_checked_for_who_is_no_node(
    pillar: dict[str, Any], checks: list[str]
) -> None:
    assert external.ext_pillar("fed1-ms", pillar) == {}
    assert checks == []


def test_a_node_whose_declaration_is_wrong_has_no_secrets(checks: list[str]) -> None:
    pillar = {"mip": {"federations": {"fed1": {"nodes": {"fed1-ms": {}}}}}}
    assert external.ext_pillar("fed1-ms", pillar) == {}
    assert checks == ["name", "pillar"]
