"""What a refresh's last line says of datasets."""

from __future__ import annotations

import pytest

from saltext_mip.console.screens.refresh import counted_datasets
from saltext_mip.results.data import ListedDataset


@pytest.mark.parametrize(
    ("available", "text"),
    [
        ([True], "its dataset is available"),
        ([True, True], "all 2 datasets are available"),
        ([True, False, False], "1 of 3 datasets is available"),
        ([False], "0 of 1 dataset are available"),
        ([None, None], "the availability of 2 datasets is unknown"),
        ([True, None], "1 of 2 datasets is available, the availability of 1 is unknown"),
    ],
)
def test_what_is_not_known_is_neither_there_nor_away(
    available: list[bool | None], text: str
) -> None:
    found = [
        ListedDataset(pathology="dementia", dataset=str(number), node="wk", available=each)
        for number, each in enumerate(available)
    ]
    assert counted_datasets(found) == text
