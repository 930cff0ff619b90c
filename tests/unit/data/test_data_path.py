"""What is remembered of a data path: that it is enrolled, and which folders are mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.data import data_path as paths
from tests.support.mounts import own_disk


@pytest.mark.parametrize("name", ["dementia", "brain data", "a\\040b", "démence"])
def test_a_folder_that_was_a_mount_is_known_until_a_person_enrols_it_again(
    tmp_path: Path, name: str
) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    (data / name).mkdir(parents=True)
    (data / "plain").mkdir()
    with own_disk(data / name):
        paths.enrol(data, state, federation="fed1")
        assert not paths.enrol(data, state, federation="fed1")
        assert not paths.remember_mounts(data, state)
        assert paths.gone_mounts(data, state) == ()
    assert paths.gone_mounts(data, state) == (name,)
    paths.enrol(data, state, federation="fed1")
    assert paths.gone_mounts(data, state) == (name,)
    assert paths.enrol_again(data, state, federation="fed1")
    assert paths.gone_mounts(data, state) == ()


def test_a_mount_that_came_later_is_remembered_where_the_data_path_is_enrolled(
    tmp_path: Path,
) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    (data / "dementia").mkdir(parents=True)
    with own_disk(data / "dementia"):
        assert not paths.remember_mounts(data, state)
    paths.enrol(data, state, federation="fed1")
    assert paths.gone_mounts(data, state) == ()
    with own_disk(data / "dementia"):
        assert paths.remember_mounts(data, state)
    assert paths.gone_mounts(data, state) == ("dementia",)
