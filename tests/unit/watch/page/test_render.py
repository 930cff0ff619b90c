"""The page as its readers see it: the operator, a hospital's contact, a screen reader."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec import structs

from saltext_mip.results import PathologyStatus, Versions
from saltext_mip.watch.page import render
from saltext_mip.watch.page.view import LATE, is_stale, view
from tests.support import pages
from tests.support.pages import NOW, Page

ODD = "<script>alert(1)</script>\x1b[31m\u202e" + "x" * 300


def made(status: object, node: str = "", **more: object) -> Page:
    return Page(render.page(view(status, pages.generations(), NOW, node=node, **more)))


def test_the_page_has_its_parts_in_their_order() -> None:
    titles = list(made(pages.held()).titles(2))
    assert titles == [
        "Waits for an operator",
        "Problems",
        "Conditions",
        "Datasets",
        "Nodes",
        "Services",
        "Generations",
    ]


def test_the_first_lines_say_how_it_is_and_when_it_was_observed() -> None:
    words = made(pages.healthy()).words()
    assert "Federation fed1 ✔ Healthy, Synced ✔ Researchers can use it" in words
    assert "Observed 23 s ago (2026-03-12 04:05 UTC)" in words
    assert "No problems" in words


def test_what_waits_for_an_operator_says_who_why_since_when_and_the_command() -> None:
    words = made(pages.held()).words()
    assert "Suspended SuspendedByPerson, since 2026-03-11 23:10 UTC by anna: moving the" in words
    assert "Run mip resume" in words
    assert "dementia: edsd on fed1-wk-h1: its file has no rows any more" in words
    assert "run mip approve" in words


def test_problems_are_the_oldest_first_with_contact_and_what_to_do() -> None:
    page = made(pages.degraded())
    shown = [each for each in page.titles(3) if "new" in each]
    assert shown == ["✖ error UnknownColumn new", "✖ error WorkerMissing new"]
    assert "Contact: call fed1-wk-h1" in page.words()
    assert "fed1-wk-h1/dementia/edsd.csv, since 2026-03-11 23:10 UTC (4 h ago)" in page.words()


def test_the_matrix_names_the_state_of_each_dataset_at_each_hospital() -> None:
    page = made(pages.degraded())
    assert page.column("Datasets", "wk1hospital-1") == ["✔available", "", "✔available", ""]
    gone = "✖not available: the node does not respond"
    assert page.column("Datasets", "wk2hospital-2") == ["", gone, "", gone]


def test_nodes_have_their_versions_and_free_disk_space() -> None:
    base = pages.healthy()
    versions = Versions(mip="1.2.3", salt="3008.4", docker="29.1.0")
    reported = structs.replace(pages.worker(1), versions=versions, free=3_400_000)
    page = made(structs.replace(base, nodes={**base.nodes, "fed1-wk-h1": reported}))
    assert page.column("Nodes", "Free disk space") == ["3.4 MB", "", ""]
    assert page.column("Nodes", "Versions")[0] == "mip 1.2.3, Salt 3008.4, Docker 29.1.0"


def test_what_changed_is_a_line_of_its_generation() -> None:
    words = made(pages.healthy()).words()
    line = (
        "Generation 3 2026-01-01 07:00 UTC, controller Added dementia: chuv Removed dementia: old"
    )
    assert line in words


def test_every_table_has_headers_and_can_be_reached_by_the_keyboard() -> None:
    tags = made(pages.degraded()).tags
    headers = [attrs for tag, attrs in tags if tag == "th"]
    assert headers
    assert all(attrs.get("scope") in ("row", "col", "rowgroup") for attrs in headers)
    regions = [attrs for _, attrs in tags if attrs.get("class") == "scroll"]
    assert len(regions) == sum(tag == "table" for tag, _ in tags)
    assert all(attrs["tabindex"] == "0" and attrs["aria-labelledby"] for attrs in regions)
    assert [attrs["lang"] for tag, attrs in tags if tag == "html"] == ["en"]


def test_headings_leave_out_no_level() -> None:
    levels = [level for level, _ in made(pages.degraded()).headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_nothing_is_good_once_nobody_observes() -> None:
    later = NOW + timedelta(seconds=LATE + 61)
    page = Page(render.page(view(pages.healthy(), [], later)))
    assert "Federation fed1 ! Unknown ! Not known whether" in page.words()
    assert "Nobody has observed the federation since then" in page.words()
    assert "No problems" not in page.words()
    assert "good" not in {
        style
        for _, attrs in page.tags
        for style in (attrs.get("class") or "").split()
        if attrs.get("class") != "good"  # of the legend
    }


@pytest.mark.parametrize(("seconds", "stale"), [(0, False), (LATE + 30, False), (LATE + 60, True)])
def test_an_observation_is_stale_when_the_next_one_is_long_due(seconds: float, stale: bool) -> None:
    assert is_stale(pages.healthy(), NOW + timedelta(seconds=seconds)) is stale
    assert is_stale(None, NOW)


def test_a_hospital_sees_its_own_part_only() -> None:
    base = pages.degraded()
    status = structs.replace(
        base, problems=[structs.replace(each, about="also on fed1-wk-h3") for each in base.problems]
    )
    page = made(status, node="fed1-wk-h1")
    assert "fed1-wk-h1, federation fed1 ✖ responds, with problems" in page.words()
    assert "UnknownColumn" in page.text
    html = render.page(view(status, pages.generations(), NOW, node="fed1-wk-h1"))
    for other in (
        b"wk-h2",
        b"wk-h3",
        b"hospital-2",
        b"wk2",
        b"wk3",
        b"ppmi",
        b"WorkerMissing",
        b"Generation",
    ):
        assert other not in html


def test_odd_names_are_harmless() -> None:
    base = pages.degraded()
    status = structs.replace(
        base,
        pathologies={
            ODD: PathologyStatus(
                datasets={ODD: [*base.nodes, ODD]}, compiled=[], stale={}, served=None, generation=1
            )
        },
        problems=[structs.replace(base.problems[0], file=ODD, about=ODD, contact=ODD)],
        conditions=[structs.replace(each, message=ODD) for each in base.conditions],
        nodes={**base.nodes, ODD: pages.worker(9, hospital=ODD, reason=ODD, up=False)},
    )
    for html in (
        render.page(view(status, [], NOW)),
        render.snapshot(status, [], NOW),
        render.page(view(status, [], NOW, node=ODD)),
    ):
        page = Page(html)
        assert sum(tag == "script" for tag, _ in page.tags) == (b"page.js" in html)
        assert "\x1b" not in html.decode()
        assert "\u202e" not in html.decode()
        assert "x" * 300 not in page.text
        assert "<script>alert(1)</script>\\x1b[31m\\u202ex" in page.text


def test_a_snapshot_is_one_file_without_a_script() -> None:
    html = render.snapshot(pages.degraded(), pages.generations(), NOW)
    tags = Page(html).tags
    assert {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object"} == set()
    assert [
        value for _, attrs in tags for key, value in attrs.items() if key in ("src", "href")
    ] == []
    policy = next(attrs for tag, attrs in tags if attrs.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert "Observed" in Page(html).text


@pytest.mark.parametrize(("hospitals", "datasets"), [(30, 40), (1000, 200)])
def test_a_snapshot_of_a_large_federation_says_what_it_leaves_out(
    hospitals: int, datasets: int
) -> None:
    status = pages.healthy(hospitals, datasets)
    status = structs.replace(
        status, problems=[pages.problem("MountGone", node) for node in status.nodes]
    )
    html = render.snapshot(status, pages.generations(200), NOW)
    assert len(html) <= 200_000
    left_out = "more hospitals" in Page(html).text
    assert left_out is (hospitals > 30)


def test_the_list_of_federations_links_to_each() -> None:
    found = view(pages.degraded(), [], NOW)
    page = Page(render.index([("fed1", found), ("fed2", None)]))
    assert page.column("Federations", "State") == ["✖ Degraded, Synced", "! Not known"]
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links == ["/fed1/", "/fed2/"]
