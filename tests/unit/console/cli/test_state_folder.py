"""Where the state is, from Salt's configuration as operators write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.console.cli.state_folder import is_certain, state_folders


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "master.d").mkdir()
    for root in ("a", "b"):
        (tmp_path / root / "var/lib/mip" / f"of-{root}").mkdir(parents=True)
    return tmp_path


def write(config: Path, text: str) -> None:
    (config / "master").write_text(text.replace("ROOT", str(config)))


@pytest.mark.parametrize(
    "text", ["root_dir: ROOT/a\n", "id: x\nroot_dir:   'ROOT/a'  # here\n#include: x\n"]
)
def test_the_root_is_read_from_the_masters_file(config: Path, text: str) -> None:
    write(config, text)
    assert [path.name for path in state_folders(config)] == ["of-a"]
    assert is_certain(config)


def test_a_drop_in_wins(config: Path) -> None:
    write(config, "root_dir: ROOT/a\n")
    (config / "master.d/z.conf").write_text(f"root_dir: {config}/b\n")
    assert [path.name for path in state_folders(config)] == ["of-b"]
    assert is_certain(config)


@pytest.mark.parametrize(
    "text",
    [
        "include: other/*.conf\n",
        "default_include: other/*.conf\n",
        '"root_dir": ROOT/a\n',
        "{root_dir: ROOT/a}\n",
        "root_dir : ROOT/a\n",
    ],
)
def test_what_is_not_read_here_is_not_certain(config: Path, text: str) -> None:
    write(config, text)
    assert not is_certain(config)
    write(config, "user: root\n")
    assert is_certain(config)
    (config / "master.d/a.conf").write_text(text)
    assert not is_certain(config)


def test_another_file_or_none_is_not_certain(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_certain(config)  # no file of the master
    write(config, "user: root\n")
    monkeypatch.setenv("SALT_MASTER_CONFIG", "/somewhere/else")
    assert not is_certain(config)


def test_a_configuration_that_may_not_be_read_is_not_certain(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, "user: root\n")
    assert is_certain(config)

    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    for name in ("read_text", "is_file"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refused)
            assert not is_certain(config)
