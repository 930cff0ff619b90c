"""``mip page``: the tunnel's line, and links to a hospital's part."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.errors import Misuse, UnknownNode
from saltext_mip.pusher.generations.history import recent
from saltext_mip.pusher.status.page import page
from saltext_mip.results import value_or
from saltext_mip.watch.page import access, source
from tests.support.folders import Folders

PUBLIC = {
    "address": "10.0.0.9",
    "url": "https://mip.example",
    "token_sha256": "ab" * 32,
    "behind_proxy": True,
}


def test_on_loopback_it_prints_the_line_of_the_tunnel(tmp_path: Path) -> None:
    found = page(Folders(tmp_path, page={"port": 9000}).pusher, None, "30d", host="pusher.example")
    assert found.tunnel == "ssh -N -L 9000:127.0.0.1:9000 operator@pusher.example"
    assert found.url == "http://127.0.0.1:9000/fed1/"


def test_a_page_for_others_needs_no_tunnel(tmp_path: Path) -> None:
    found = page(Folders(tmp_path, page=PUBLIC).pusher, None, "30d")
    assert value_or(found.tunnel, None) is None
    assert found.url == "https://mip.example/fed1/"


def test_a_link_is_for_one_node_and_ends(tmp_path: Path) -> None:
    pusher = Folders(tmp_path, page=PUBLIC).pusher
    link = value_or(page(pusher, "h2", "30d").link, None)
    assert link is not None
    begin = "https://mip.example/fed1/link/"
    assert link.url.startswith(begin)
    assert link.until.startswith("2026-04-11T03:")
    text = link.url.removeprefix(begin).removesuffix("/")
    key = source.link_key(pusher.state)
    now = pusher.now().timestamp()
    assert access.linked_node(key, "fed1", text, now) == "fed1-wk-h2"
    assert access.linked_node(key, "fed1", text, now + 31 * 86400) is None
    with pytest.raises(UnknownNode):
        page(pusher, "wk9", "30d")
    with pytest.raises(Misuse, match="duration"):
        page(pusher, "h2", "soon")


def test_errors_say_what_to_declare(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"no page is declared: put page: \{\}"):
        page(Folders(tmp_path / "a").pusher, None, "30d")
    with pytest.raises(Misuse, match=r"not served: page: .* token_sha256"):
        page(Folders(tmp_path / "b", page={"address": "0.0.0.0"}).pusher, None, "30d")
    with pytest.raises(Misuse, match="by an ssh tunnel only"):
        page(Folders(tmp_path / "c", page={}).pusher, "wk1", "30d")


def test_no_generation_is_none(tmp_path: Path) -> None:
    assert recent(Folders(tmp_path).pusher, 20) == []
