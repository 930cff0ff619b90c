"""Nothing that leaves a node lets anybody test a guess about the values of a small file."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import shutil
import stat
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data.inventory.fingerprints import PREFIX, Fingerprints, rounded
from saltext_mip.errors import Misuse
from saltext_mip.node import databases, queries
from saltext_mip.pusher.consolidate import Options
from saltext_mip.storage.state import FINGERPRINT_KEY, GENERATIONS, OPEN_PROBLEMS
from tests.support import commands
from tests.unit.pusher.conftest import cde, rows
from tests.unit.pusher.test_no_cell_leaves import NODE, Recorded

AGES = (61, 62, 63, 64)  # all that somebody knows of three patients
_KEYED = re.compile(PREFIX + "[0-9a-f]{64}")


def content(ages: tuple[int, ...]) -> str:
    return "dataset,age,mmse\n" + "".join(f"edsd,{age},28.5\n" for age in ages)


def federation(root: Path, small: str) -> Recorded:
    made = Recorded(root)
    made.write("fed1-ms", "dementia", "CDEsMetadata.json", cde())
    made.write(NODE, "dementia", "edsd.csv", small)
    made.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi"))
    return made


def all_that_leaves(fed: Recorded) -> str:
    left: list[Any] = [
        commands.consolidate(fed.pusher, Options()),
        commands.compile_federation(fed.pusher),
        commands.status(fed.pusher),
        commands.history(fed.pusher, None, 10),
        commands.diff(fed.pusher, None, None),
        commands.export(fed.pusher),
        commands.events(fed.pusher),
        queries.datasets(fed.node),
        queries.prototypes(fed.node),
        databases.compile_all(fed.node, force=True),
        databases.states(fed.node, verify=True),
        fed.returned,
        [[event, dict(data)] for event, data in fed.events],
        fed.said,
        [
            path.read_text()
            for folder in ("pusher", "fed1-ui")
            for path in sorted((fed.root / folder).rglob("*"))
            if path.is_file()
        ],
    ]
    return json.dumps(left, default=str)


def test_no_guess_about_three_rows_can_be_tested(tmp_path: Path):
    fed = federation(tmp_path, content((61, 64, 62)))
    left = all_that_leaves(fed)
    assert _KEYED.search(left)
    for ages in itertools.product(AGES, repeat=3):
        guess = content(ages).encode()
        plain = hashlib.sha256(guess).hexdigest()
        names = (NODE, "fed1", "dementia", "edsd.csv", "", plain)
        made = {plain, *(hashlib.new(how, guess).hexdigest() for how in ("md5", "sha1", "sha512"))}
        made |= {
            hmac.new(name.encode(), what, hashlib.sha256).hexdigest()
            for name in names
            for what in (guess, plain.encode())
        }
        assert not [digest for digest in made if digest in left], ages


def test_what_leaves_is_the_same_whatever_the_values_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Other values, of other lengths: only the fingerprints differ, which tell nothing."""
    usage = namedtuple("usage", "total used free")
    left = []
    for name, small in (("one", content((61, 64, 62))), ("two", content((7, 101, 4)))):
        free = usage(0, 0, (5 << 30) - len(small))
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: free)
        text = all_that_leaves(federation(tmp_path / name, small))
        text = _KEYED.sub("keyed", text).replace(str(tmp_path / name), "root")
        text = re.sub(r'(seconds\\*"|seconds=): ?[0-9.e-]+', "seconds", text)
        text = re.sub(r'(txn\\*": ?\\*")[0-9a-f]{32}', "transaction", text)
        left.append(text)
    assert left[0] == left[1]


def test_the_key_is_made_once_and_readable_for_root_alone(tmp_path: Path):
    fed = federation(tmp_path, content((61, 64, 62)))
    first = queries.datasets(fed.node)
    path = fed.node.state / FINGERPRINT_KEY
    key = path.read_bytes()
    assert (len(key), stat.S_IMODE(path.stat().st_mode)) == (32, 0o600)
    assert queries.datasets(fed.node) == first
    assert path.read_bytes() == key
    assert key.hex() not in all_that_leaves(fed)
    path.write_bytes(b"half")  # its writer died
    assert len(Fingerprints.load(fed.node.state).key) == 32
    assert Fingerprints.load(fed.node.state) == Fingerprints.load(fed.node.state)


def test_another_node_has_another_fingerprint_of_the_same_file(tmp_path: Path):
    keys = [Fingerprints.load(tmp_path / name) for name in ("one", "two")]
    assert keys[0].of("00") != keys[1].of("00")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "<1 kB"), (1023, "<1 kB"), (1024, "<2 kB"), (5000, "<8 kB")]
)
def test_only_the_order_of_a_size_is_told(size: int, text: str):
    assert rounded(size) == text


def test_the_size_of_a_file_with_many_rows_is_exact(tmp_path: Path):
    fed = federation(tmp_path, rows("edsd", 9))
    fed.write(NODE, "dementia", "large.csv", large := rows("large", 10))
    fed.write(NODE, "dementia", "broken.csv", "age\n" * 30)
    sizes = {name: of["size"] for name, of in queries.datasets(fed.node)["dementia"].items()}
    assert sizes == {"broken.csv": "<1 kB", "edsd.csv": "<1 kB", "large.csv": len(large)}


def test_the_node_confirms_what_was_served(tmp_path: Path):
    fed = federation(tmp_path, content((61, 64, 62)))
    commands.consolidate(fed.pusher, Options())
    generation = fed.pusher.store.last()
    assert generation is not None
    [served] = generation.files[NODE]["dementia"]
    copy = tmp_path / "copy.csv"
    copy.write_text(content((61, 64, 62)))
    other = tmp_path / "other.csv"
    other.write_text(content((61, 64, 63)))
    root = tmp_path / "root"
    state = root / "var/lib/mip/fed1"
    state.parent.mkdir(parents=True)
    state.symlink_to(fed.node.state)
    assert queries.fingerprint(root, "fed1", copy)["fingerprint"] == served.sha256
    assert queries.fingerprint(root, None, copy)["fingerprint"] == served.sha256
    assert queries.fingerprint(root, None, other)["fingerprint"] != served.sha256
    with pytest.raises(Misuse, match="fed2"):
        queries.fingerprint(root, "fed2", copy)


# -- after an upgrade


@pytest.fixture
def upgraded(tmp_path: Path) -> Recorded:
    """The last generation is of a version with plain fingerprints and exact sizes."""
    fed = federation(tmp_path, content((61, 64, 62)))
    commands.consolidate(fed.pusher, Options())
    commands.compile_federation(fed.pusher)
    path = fed.pusher.state / GENERATIONS / "000001.json"
    record = json.loads(path.read_bytes())
    for node, below in record["files"].items():
        for name, files in below.items():
            for file in files:
                found = fed.data(node, name, file["name"]).read_bytes()
                file |= {"size": len(found), "sha256": hashlib.sha256(found).hexdigest()}
    path.write_text(json.dumps(record))
    (fed.pusher.state / OPEN_PROBLEMS).unlink()
    fed.events.clear()
    return fed


def changed(fed: Recorded) -> Any:
    return commands.consolidate(fed.pusher, Options())["changed"]


def test_the_first_look_after_an_upgrade_is_no_change(upgraded: Recorded):
    fed = upgraded
    before = fed.files()
    found = {each["type"]: each["status"] for each in commands.status(fed.pusher)["conditions"]}
    assert found["Consolidated"] == "True"
    for _ in range(2):
        assert changed(fed) is False
    assert fed.pusher.store.numbers() == (1,)
    assert fed.events == []
    assert fed.files() == before
    assert commands.diff(fed.pusher, None, None)["same"] is True


@pytest.mark.parametrize("ages", [(61, 64, 63), (61, 64, 62, 62)])
def test_a_change_after_the_first_look_is_one(upgraded: Recorded, ages: tuple[int, ...]):
    assert changed(upgraded) is False
    upgraded.write(NODE, "dementia", "edsd.csv", content(ages))
    found = commands.status(upgraded.pusher)["conditions"]
    assert {each["type"]: each["status"] for each in found}["Consolidated"] == "False"
    assert changed(upgraded) is True
    generation = upgraded.pusher.store.last()
    assert generation is not None
    for below in generation.files.values():
        for file in below["dementia"]:
            assert file.sha256.startswith(PREFIX)


def test_other_counts_than_in_the_old_generation_are_a_change(upgraded: Recorded):
    upgraded.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi", 13))
    assert changed(upgraded) is True
