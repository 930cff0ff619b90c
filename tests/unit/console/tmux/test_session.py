"""The operator's session as a value: windows, panes, keys, the grid of the logs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from saltext_mip.console.tmux import keys, layout
from saltext_mip.console.tmux.session import Program, Session, name_of, of
from saltext_mip.federation import Federation
from tests.support.listed import KNOWN_HOSTS, listed


def federation(
    workers: int = 2, *, ui: bool = True, name: str = "fed1", **declare: Any
) -> Federation:
    nodes: dict[str, Any] = {
        f"fed1-wk-h{nth}": {"role": "worker", "address": f"10.77.0.{20 + nth}"}
        for nth in range(1, workers + 1)
    }
    nodes["fed1-ms"] = {"role": "master", "address": "10.77.0.10"}
    if ui:
        nodes["fed1-ui"] = {"role": "ui", "address": "10.77.0.11"}
    return Federation.from_pillar(name, {"nodes": nodes, **declare})


def made(**facts: Any) -> Session:
    return of(listed(federation(**facts)))


def pane(session: Session, window: int, number: int = 0) -> dict[str, Any]:
    """What the program in a node's pane is told."""
    found = next(each for each in session.windows if each.index == window)
    told: dict[str, Any] = json.loads(found.panes[number].argv[-1])
    return told


def test_windows_have_the_numbers_and_names_that_operators_know() -> None:
    assert [(window.index, window.name) for window in made().windows] == [
        (0, "bash"),
        (1, "logs"),
        (2, "deploy"),
        (3, "fed1-ms"),
        (4, "fed1-ui"),
        (5, "fed1-wk-h1"),
        (6, "fed1-wk-h2"),
    ]


def test_without_a_ui_workers_keep_their_numbers() -> None:
    windows = {window.index: window.name for window in made(ui=False).windows}
    assert 4 not in windows
    assert windows[5] == "fed1-wk-h1"


def test_logs_come_from_the_master_the_ui_and_then_the_workers() -> None:
    session = made()
    panes = session.windows[1].panes
    assert [each.title.split()[0] for each in panes] == ["ms", "ui", "wk1", "wk2"]
    assert [pane(session, 1, nth)["logs"] for nth in range(4)] == [
        "master",
        "ui",
        "worker",
        "worker",
    ]


def test_a_shell_is_in_the_data_folder_but_on_the_ui() -> None:
    session = made(data_path="/srv/data")
    assert pane(session, 3)["folder"] == "/srv/data"
    assert pane(session, 4)["folder"] is None
    assert pane(session, 5)["folder"] == "/srv/data"


def test_a_shell_goes_where_the_pillar_says() -> None:
    session = made(ssh={"user": "anna", "port": 2222})
    assert pane(session, 5)["login"] == [
        "fed1-wk-h1",
        "anna",
        "10.77.0.21",
        2222,
        KNOWN_HOSTS,
    ]


def test_what_is_to_be_said_of_a_node_is_said_in_its_windows_only() -> None:
    session = of(listed(federation()), notes={"fed1-wk-h2": "This node is disabled."})
    assert pane(session, 5)["note"] == ""
    assert pane(session, 6)["note"] == "This node is disabled."
    assert pane(session, 1, 3)["note"] == "This node is disabled."
    assert [each.title for each in session.windows[1].panes][2:] == [
        "wk1 fed1-wk-h1",
        "wk2 fed1-wk-h2 This node is disabled.",
    ]


def test_the_second_window_watches_what_is_wrong() -> None:
    session = of(listed(federation()), program=Program("python", "/etc/salt"))
    help_, status = session.windows[2].panes
    assert help_.argv[-2:] == ("tasks", "--shell")
    assert status.argv == (
        *("python", "-m", "saltext_mip.console", "--config-dir", "/etc/salt"),
        *("--federation", "fed1", "status", "--watch", "--problems"),
    )


def test_no_pane_is_left_to_a_shell_to_read() -> None:
    # tmux hands a command of one word to a shell, and runs one of several as it is
    for window in made().windows:
        for each in window.panes:
            assert len(each.argv) != 1


def test_input_goes_to_one_pane() -> None:
    assert made().window_options["synchronize-panes"] == "off"


@pytest.mark.parametrize(
    ("name", "taken"), [("fed1", "fed1"), ("fed.1", "fed_1"), ("a.b.c", "a_b_c")]
)
def test_a_sessions_name_holds_nothing_that_tmux_takes_for_its_own(name: str, taken: str) -> None:
    assert name_of(name) == taken
    session = of(listed(federation(name=name)))
    assert (session.name, session.federation) == (taken, name)


GRIDS = {
    1: (1,),
    2: (2,),
    3: (2, 1),
    4: (2, 2),
    5: (3, 2),
    6: (3, 3),
    7: (4, 3),
    8: (4, 4),
    9: (3, 3, 3),
    10: (4, 3, 3),
    11: (4, 4, 3),
    12: (4, 4, 4),
}


@pytest.mark.parametrize(("panes", "columns"), GRIDS.items())
def test_a_grid_is_even_and_filled_column_by_column(panes: int, columns: tuple[int, ...]) -> None:
    assert layout.columns(panes) == columns


@pytest.mark.parametrize("size", [(80, 23), (200, 49)])
@pytest.mark.parametrize("panes", [*range(1, 13), 30, 100])
def test_a_grid_fills_the_window_and_no_two_panes_overlap(
    panes: int, size: tuple[int, int]
) -> None:
    width, height = max(size[0], 40 * panes), max(size[1], 40 * panes)
    if panes <= 12:
        width, height = size
    cells = [
        tuple(map(int, found))
        for found in re.findall(r"(\d+)x(\d+),(\d+),(\d+),0", layout.layout(panes, width, height))
    ]
    assert len(cells) == panes
    # in the order of the federation: from top to bottom, and then from left to right
    assert [cell[2:] for cell in cells] == sorted(cell[2:] for cell in cells)
    taken = {
        (column, row)
        for wide, high, left, top in cells
        for column in (left, left + wide - 1)
        for row in (top, top + high - 1)
    }
    assert len(taken) == 4 * panes
    assert max(left + wide for wide, _, left, _ in cells) == width
    assert max(top + high for _, high, _, top in cells) == height
    if panes <= 12:
        assert min(high for _, high, _, _ in cells) >= 5


def test_a_layout_is_written_as_tmux_writes_it() -> None:
    assert layout.layout(1, 80, 24) == "b25d,80x24,0,0,0"
    assert layout.layout(3, 81, 23).endswith(
        ",81x23,0,0{40x23,0,0[40x11,0,0,0,40x11,0,12,0],40x23,41,0,0}"
    )


def test_a_key_that_nobody_bound_goes_on_to_the_program() -> None:
    key = keys.Key("root", "M-Up", "select-pane -U", "")
    assert keys.binding(key, None) == (
        *("-T", "root", "M-Up", "if-shell", "-F", "#{@mip_federation}"),
        *("select-pane -U", "send-keys M-Up"),
    )


def test_a_key_does_elsewhere_what_it_did() -> None:
    key = keys.Key("prefix", "r", "respawn-pane -k", "")
    before = keys.bound("bind-key -r -T prefix r source-file ~/.tmux.conf \\; display done")
    assert keys.binding(key, before) == (
        *("-r", "-T", "prefix", "r", "if-shell", "-F", "#{@mip_federation}"),
        *("respawn-pane -k", "source-file ~/.tmux.conf \\; display done"),
    )


def test_a_key_is_bound_once() -> None:
    listed = (
        'bind-key -T prefix r if-shell -F "#{@mip_federation}" "respawn-pane -k" refresh-client'
    )
    assert keys.binding(keys.KEYS[0], keys.bound(listed)) is None
