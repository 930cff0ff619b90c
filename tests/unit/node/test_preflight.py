"""What a node reports as missing before services run on it, with the command that fixes it."""

from __future__ import annotations

import shutil
import socket
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data import data_path
from saltext_mip.federation import Federation
from saltext_mip.node import preflight
from saltext_mip.node.preflight import narrowest_mtu
from tests.support.docker_sdk import Docker
from tests.unit.node.conftest import Contexts

LARGEST = 65535  # of a packet
LOOPBACK = min(int(Path("/sys/class/net/lo/mtu").read_text()), LARGEST)


def federation(**addresses: str) -> Federation:
    nodes = {
        node: {"role": "master" if node == "ms" else "worker", "address": address}
        for node, address in addresses.items()
    }
    return Federation.from_pillar("fed1", {"nodes": nodes})


def test_it_is_the_least_of_the_ways_to_the_others() -> None:
    fed = federation(ms="127.0.0.1", a="127.0.0.2", b="no-such-host.invalid")
    assert narrowest_mtu(fed, fed.master) == LOOPBACK
    assert narrowest_mtu(fed, fed.node("a")) == LOOPBACK


def test_a_node_alone_and_names_that_do_not_resolve_say_nothing() -> None:
    alone = federation(ms="127.0.0.1", a="127.0.0.1")
    assert narrowest_mtu(alone, alone.master) is None
    unknown = federation(ms="no-such-host.invalid", a="127.0.0.1")
    assert narrowest_mtu(unknown, unknown.node("a")) is None


def issues(context: Any, part: str, **how: Any) -> list[preflight.PreflightIssue]:
    return [each for each in preflight.check(context, **how) if part in each.text]


def container(name: str, **more: Any) -> dict[str, Any]:
    """One of ``docker ps``, in the shape of the API."""
    return {
        "Id": "0123456789abcdef",
        "Names": [f"/{name}"],
        "Labels": {},
        "Ports": [],
        "Mounts": [],
        **more,
    }


def test_a_clock_that_differs_is_a_warning(sdk: Docker, context_of: Contexts) -> None:
    context = context_of("fed1-wk-chuv")
    assert issues(context, "clock", pusher_time=time.time()) == []
    (issue,) = issues(context, "clock", pusher_time=time.time() + 3600)
    assert not issue.fatal
    assert "behind the pusher's: timedatectl" in issue.text


def test_a_data_disk_that_is_not_mounted_is_fatal(
    sdk: Docker, context_of: Contexts, tmp_path: Path
) -> None:
    context = context_of("fed1-wk-chuv")
    context.data_path.joinpath("dementia").mkdir(parents=True)
    assert data_path.enrol(context.data_path, context.state, federation="fed1")
    shutil.rmtree(context.data_path)
    context.data_path.mkdir()
    (issue,) = issues(context, f"mount {context.data_path}")
    assert issue.fatal
    with pytest.raises(data_path.MountGone):
        preflight.folders(context, test=False)
    assert list(context.data_path.iterdir()) == []


def test_data_that_every_user_can_read_is_a_warning(sdk: Docker, context_of: Contexts) -> None:
    context = context_of("fed1-wk-chuv")
    context.data_path.mkdir()
    context.data_path.chmod(0o755)
    (issue,) = issues(context, "chmod o-rwx")
    assert not issue.fatal
    context.data_path.chmod(0o750)
    assert issues(context, "chmod o-rwx") == []


@pytest.mark.parametrize(
    ("free", "fatal"), [(10 << 30, []), (1 << 30, [False]), (100 << 20, [True])]
)
def test_little_space_is_a_warning_and_least_space_fatal(
    sdk: Docker, context_of: Contexts, monkeypatch: pytest.MonkeyPatch, free: int, fatal: list[bool]
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, free))
    assert [each.fatal for each in issues(context_of("fed1-ui"), "MiB are free")] == fatal


def test_a_container_of_an_old_installation_on_our_folder_is_foreign(
    sdk: Docker, context_of: Contexts, tmp_path: Path
) -> None:
    mount = {"Source": f"{tmp_path}/ui/.stored_data/portalbackenddb/"}
    old = container("old_db", Mounts=[mount], Labels={"com.docker.compose.project": "mip"})
    task = container("t.1", Mounts=[mount], Labels={"com.docker.swarm.service.name": "theirs"})
    ours = container("db", Mounts=[mount], Labels={"mip.federation": "fed1"})
    sdk.running += [old, task, ours]
    found = issues(context_of("fed1-ui"), "portalbackenddb")
    assert [(each.fatal, each.foreign) for each in found] == [(True, True)] * 2
    assert "container old_db, which mip did not create" in found[0].text
    assert "docker compose -p mip down" in found[0].text
    assert "docker service rm theirs" in found[1].text


def test_a_port_of_another_program_or_container_is_foreign(
    sdk: Docker, context_of: Contexts
) -> None:
    with socket.socket() as listener, socket.socket() as spare:
        for each in (listener, spare):
            each.bind(("127.0.0.1", 0))
        listener.listen()
        used, free = listener.getsockname()[1], spare.getsockname()[1]
        context = context_of("fed1-ui", services={"gateway": {"ports": [used, free]}})
        (issue,) = issues(context, f"port {used}")
        assert (issue.fatal, issue.foreign) == (True, True)
        assert f"ss -ltnp 'sport = :{used}'" in issue.text
        assert issues(context, f"port {free}") == []
        ours = container("gateway", Ports=[{"PublicPort": used}], Labels={"mip.federation": "fed1"})
        sdk.running.append(ours)
        assert issues(context, f"port {used}") == []
        sdk.running[:] = [container("nginx", Ports=[{"PublicPort": used}, {"PrivatePort": 1}])]
        (issue,) = issues(context, f"port {used}")
        assert "container nginx, which mip did not create" in issue.text


def test_docker_that_does_not_respond_is_fatal(
    context_of: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (issue,) = issues(context_of("fed1-wk-chuv"), "Docker does not respond")
    assert issue.to_json() == {"fatal": True, "foreign": False, "text": issue.text}


def test_folders_that_services_bind_are_created_like_their_parent(
    sdk: Docker, context_of: Contexts, tmp_path: Path
) -> None:
    tmp_path.chmod(0o2750)
    context = context_of("fed1-ui")
    expected = {tmp_path / "ui" / each for each in ("config", "logs")}
    expected |= {
        tmp_path / "ui/.stored_data" / each for each in ("portalbackenddb", "caddy/caddy_data")
    }
    assert {Path(path) for path in preflight.folders(context, test=True)} == expected
    assert not (tmp_path / "ui").exists()
    preflight.folders(context, test=False)
    assert {path.stat().st_mode & 0o7777 for path in expected} == {0o2750}
    assert preflight.folders(context, test=False) == []
