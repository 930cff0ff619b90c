"""The package's SLS through Salt's own file server and client."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.fileclient
import salt.fileserver

from saltext_mip.bridge import sls


@pytest.fixture
def opts(tmp_path: Path) -> dict[str, Any]:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.sls").write_text("{}")
    made: dict[str, Any] = salt.config.master_config(None)
    return {
        **made,
        "root_dir": str(tmp_path),
        "cachedir": str(tmp_path / "cache"),
        "file_roots": {"base": [str(own)]},
        "fileserver_backend": ["roots", "mip"],
        "id": "pusher_master",
    }


@pytest.fixture
def server(opts: dict[str, Any]) -> Iterator[salt.fileserver.Fileserver]:
    made = salt.fileserver.Fileserver(opts)
    yield made
    made.destroy()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package whose folder of states also has what must not be served."""
    root = tmp_path / "package"
    for folder in ("states/mip/deep", "reactor", "pillar"):
        (root / folder).mkdir(parents=True)
    (root / "states/mip/fine.sls").write_text("fine: {}\n")
    (root / "states/mip/deep/map.jinja").write_text("{}")
    (root / "states/mip/.hidden.sls").write_text("{}")
    (root / "states/outside.sls").write_text("{}")
    (root / "reactor/look.sls").write_text("look: {}\n")
    (root / "pillar/secrets.sls").write_text("secret: {}\n")
    (tmp_path / "shadow").write_text("root:x\n")
    (root / "states/mip/stolen.sls").symlink_to(tmp_path / "shadow")
    (root / "states/mip/away").symlink_to(tmp_path)
    (root / "states/mip/alias.sls").symlink_to("fine.sls")
    monkeypatch.setattr(sls, "root", lambda: root)
    return root


def get(server: salt.fileserver.Fileserver, path: str, saltenv: str = "base") -> Any:
    return server.serve_file({"path": path, "saltenv": saltenv, "loc": 0})["data"]


def test_a_minion_gets_a_state_of_the_package_whole(opts: dict[str, Any], tmp_path: Path) -> None:
    client = salt.fileclient.FSClient(opts)
    fetched = client.get_file("salt://mip/compiled.sls", str(tmp_path / "fetched.sls"))
    assert Path(fetched).read_bytes() == (sls.root() / "states/mip/compiled.sls").read_bytes()


def test_the_digest_is_that_of_the_file(opts: dict[str, Any]) -> None:
    content = (sls.root() / "states/mip/compiled.sls").read_bytes()
    found = salt.fileclient.FSClient(opts).hash_file("salt://mip/compiled.sls")
    assert found["hsum"] == hashlib.new(opts["hash_type"], content).hexdigest()


def test_states_and_reactors_are_listed_beside_the_operators_own(
    server: salt.fileserver.Fileserver, package: Path
) -> None:
    assert server.file_list({"saltenv": "base"}) == [
        "mine.sls",
        "mip/alias.sls",
        "mip/deep/map.jinja",
        "mip/fine.sls",
        "mip/reactor/look.sls",
    ]
    assert server.dir_list({"saltenv": "base"}) == ["mip", "mip/deep", "mip/reactor"]


def test_a_large_file_comes_in_pieces(opts: dict[str, Any], package: Path, tmp_path: Path) -> None:
    content = b"# a long state\n" * 90_000
    (package / "states/mip/long.sls").write_bytes(content)
    assert len(content) > opts["file_buffer_size"]
    fetched = salt.fileclient.FSClient(opts).get_file(
        "salt://mip/long.sls", str(tmp_path / "fetched.sls"), gzip=5
    )
    assert Path(fetched).read_bytes() == content


def test_what_the_operator_has_at_that_path_wins(
    opts: dict[str, Any], server: salt.fileserver.Fileserver, package: Path
) -> None:
    own = Path(opts["file_roots"]["base"][0]) / "mip"
    own.mkdir()
    (own / "fine.sls").write_text("mine: {}\n")
    assert get(server, "mip/fine.sls") == b"mine: {}\n"


@pytest.mark.parametrize(
    "path",
    [
        "mip/stolen.sls",  # a link that leaves the folder
        "mip/away/shadow",  # a folder that is such a link
        "mip/../outside.sls",
        "mip/deep/../../outside.sls",
        "mip/reactor/../pillar/secrets.sls",
        "mip/pillar/secrets.sls",
        "pillar/secrets.sls",
        "mip/.hidden.sls",
        "mip/",
        "mip",
        "mip/deep",
        "mip//etc/passwd",
        "mip/\x00",
        "mip/missing.sls",
    ],
)
def test_nothing_else_is_served(
    server: salt.fileserver.Fileserver, package: Path, path: str
) -> None:
    assert server.find_file(path, "base") == {"path": "", "rel": ""}
    assert get(server, path) == ""


def test_there_is_one_environment(server: salt.fileserver.Fileserver, package: Path) -> None:
    assert server.envs("mip") == ["base"]
    assert server.find_file("mip/fine.sls", "dev")["path"] == ""
    assert server.servers["mip.file_list"]({"saltenv": "dev"}) == []
