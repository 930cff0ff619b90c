"""A component's log, from one container to the next; Docker is a row of containers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest

from saltext_mip import arguments
from saltext_mip.errors import Misuse, NodeError
from saltext_mip.node import logs
from saltext_mip.node.containers import LocalDocker, local_docker
from saltext_mip.node.logs import Line, Notice
from saltext_mip.swarm.components import belongs

NOW = 1_773_288_000.0  # 2026-03-12T04:00Z


def stamp(second: int) -> str:
    return f"2026-03-12T04:00:{second:02}.000000000Z"


@dataclass
class Api:
    """The part of the SDK that is used: containers by age, and what each wrote so far."""

    there: list[dict[str, Any]] = field(default_factory=list)
    wrote: dict[str, list[bytes]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def start(self, id_: str, service: str, *texts: str, at: int = 0) -> None:
        labels = {"com.docker.swarm.service.name": service}
        self.there.append(
            {
                "Id": id_,
                "Names": [f"/{service}.1.{id_}"],
                "Labels": labels,
                "Created": len(self.there),
                "State": "running",
                "Image": "hbpmip/exareme:24.3.0@sha256:1",
                "Status": "Up 3 seconds",
            }
        )
        self.wrote[id_] = [f"{stamp(at + nth)} {text}\n".encode() for nth, text in enumerate(texts)]

    def end(self, id_: str) -> None:
        next(each for each in self.there if each["Id"] == id_)["State"] = "exited"

    def containers(self, **_: Any) -> list[dict[str, Any]]:
        return list(self.there)

    def logs(self, id_: str, **options: Any) -> Iterator[bytes]:
        self.asked.append({"id": id_, **options})
        found = self.wrote[id_]
        return iter(found if options["tail"] == "all" else found[-options["tail"] :])


class Client:
    def __init__(self, api: Api) -> None:
        self.api = api


@pytest.fixture
def api() -> Api:
    return Api()


def follow(api: Api, wait: Any = None, **options: Any) -> Iterator[Line | Notice]:
    return logs.follow(
        lambda: LocalDocker(Client(api)),
        "exareme",
        lines=options.pop("lines", 100),
        sleep=wait or (lambda _: None),
        **options,
    )


def texts(came: Iterator[Line | Notice], count: int) -> list[str]:
    return [each.text for each in islice(came, count)]


@pytest.mark.parametrize(
    ("service", "component", "same"),
    [
        ("fed1-wk-chuv_exareme", "exareme", True),
        ("fed1-wk-chuv_exareme", "fed1-wk-chuv_exareme", True),
        ("portalbackend", "portalbackend", True),
        ("portalbackend_db", "portalbackend", False),
        ("fed1-ms_exareme-master", "exareme", False),
        ("fed1-ms_exareme-master", "master", False),
        ("fed1-wk-chuv-2_exareme", "fed1-wk-chuv_exareme", False),
    ],
)
def test_a_component_is_compared_whole(service: str, component: str, same: bool) -> None:
    assert belongs({"com.docker.swarm.service.name": service}, component) is same


def test_an_installation_by_compose_is_known_too() -> None:
    assert belongs({"com.docker.compose.service": "portalbackend"}, "portalbackend")


def test_what_could_steer_a_terminal_is_escaped() -> None:
    line = logs.parse_line(stamp(1).encode() + b" a\tb\x1b[2J\r\n".removesuffix(b"\n"))
    assert line == Line(stamp(1), "a   b\\x1b[2J")
    assert logs.parse_line(stamp(1).encode() + b" \xff").text == "�"
    assert logs.parse_line(stamp(1).encode()).text == ""


def test_a_very_long_line_is_cut() -> None:
    assert len(logs.parse_line(stamp(1).encode() + b" " + b"x" * 100_000).text) == logs.LONGEST + 1


def test_the_last_lines_are_of_all_containers_in_the_order_of_time(api: Api) -> None:
    api.start("one", "fed1-wk-chuv_exareme", "a", "b", "c")
    api.start("two", "fed1-wk-chuv_exareme", "d", "e", at=10)
    found = logs.read(LocalDocker(Client(api)), "exareme", 4, None)
    assert [line.text for line in found] == ["b", "c", "d", "e"]
    assert [line.text for line in logs.read(LocalDocker(Client(api)), "exareme", 2, None)] == [
        "d",
        "e",
    ]


def test_a_line_in_pieces_is_one_line(api: Api) -> None:
    api.start("one", "fed1-wk-chuv_exareme", "hello there")
    whole = api.wrote["one"][0]
    api.wrote["one"] = [whole[:7], whole[7:35], whole[35:]]
    assert [line.text for line in logs.read(LocalDocker(Client(api)), "exareme", 9, None)] == [
        "hello there"
    ]


def test_a_follower_goes_on_in_the_next_container(api: Api) -> None:
    api.start("one", "fed1-wk-chuv_exareme", "a", "b")

    def replaced(_: float) -> None:
        if len(api.there) == 1:
            api.end("one")
            api.start("two", "fed1-wk-chuv_exareme", "c", at=10)

    assert texts(follow(api, replaced), 3) == ["a", "b", "c"]


def test_a_follower_says_once_that_it_waits(api: Api) -> None:
    waited: list[float] = []

    def later(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 5:
            api.start("one", "fed1-wk-chuv_exareme", "at last")

    came = list(islice(follow(api, later), 2))
    assert came[0] == Notice("no container of exareme on this node; waiting for one")
    assert came[1].text == "at last"


def test_no_line_is_shown_twice_when_docker_was_away(api: Api) -> None:
    api.start("one", "fed1-wk-chuv_exareme", "a", "b")
    answers = iter([True, False, True, True, True])

    def connect() -> LocalDocker:
        if not next(answers):
            raise NodeError("Docker does not respond: connection refused")
        return LocalDocker(Client(api))

    def more(_: float) -> None:
        if len(api.wrote["one"]) < 3:
            api.wrote["one"].append(f"{stamp(30)} c\n".encode())

    came = logs.follow(connect, "exareme", lines=10, sleep=more)
    assert texts(came, 4) == ["a", "b", "Docker does not respond: connection refused", "c"]


def test_a_follower_begins_where_it_is_told(api: Api) -> None:
    api.start("one", "fed1-wk-chuv_exareme", "a", "b", "c")
    assert texts(follow(api, lines=1), 1) == ["c"]
    next(follow(api, since=NOW + 0.7))
    assert api.asked[-1]["since"] == int(NOW)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        ("90s", NOW - 90),
        ("10m", NOW - 600),
        ("2h", NOW - 7200),
        ("3d", NOW - 259_200),
        ("2026-03-12T04:00", NOW),
        ("2026-03-12T05:00+01:00", NOW),
        ("2026-03-12", NOW - 4 * 3600),
    ],
)
def test_since_is_a_time_ago_or_a_date(given: Any, seconds: float | None) -> None:
    assert arguments.moment(given, NOW) == seconds


@pytest.mark.parametrize("given", ["yesterday", "10", "-1h", "10 m", ""])
def test_another_since_is_refused(given: str) -> None:
    with pytest.raises(Misuse, match="since="):
        arguments.moment(given, NOW)


@pytest.mark.parametrize("given", [0, -1, "10", 1.5, True, None])
def test_lines_are_a_number(given: Any) -> None:
    with pytest.raises(Misuse, match="lines="):
        arguments.limit(given)


def test_a_dockerd_that_does_not_run_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(NodeError, match="Docker does not respond: socket not found"):
        local_docker()
