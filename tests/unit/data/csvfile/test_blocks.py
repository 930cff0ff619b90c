"""The header of a file, found without reading more than is needed."""

from __future__ import annotations

import io

import pytest

from saltext_mip.data.csvfile.blocks import first_row

LONG = [f"column_{number}" for number in range(9_000)]  # above 64 KiB


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("dataset,x\na,1\n", ["dataset", "x"]),
        ("\ufeffdataset,x\r\na,1\r\n", ["dataset", "x"]),
        ("dataset,x", ["dataset", "x"]),
        ('"data\nset","x,y"\na,1\n', ["data\nset", "x,y"]),
        (",".join(LONG) + "\na,1\n", LONG),
        (",".join(LONG), LONG),
        ("\n" * 70_000 + "dataset,x\na,1\n", ["dataset", "x"]),
        (f"dataset,{'x' * (65_536 - len('dataset,') - 1)}\na,1\n", None),
        (f"dataset,{'x' * (65_536 - len('dataset,'))}\na,1\n", None),
        (f"dataset,{'x' * (65_537 - len('dataset,'))}\na,1\n", None),
    ],
    ids=[
        "plain", "mark", "no end", "quotes", "long", "long, no end", "blank lines",
        "ends before", "ends at", "ends behind",
    ],
)  # fmt: skip
@pytest.mark.parametrize("more", [0, 70_000])
def test_the_first_row_is_found_however_long_it_is(content, names, more):
    expected = names or content.partition("\n")[0].split(",")
    rows = "a,1\n" * more if "\na" in content else ""
    assert first_row(io.BytesIO((content + rows).encode())) == tuple(expected)
