"""The bed's pillar: the clock of the engine's stand-in is the one that `make federation` has."""

from __future__ import annotations

import pytest
import yaml

from tests.support.bed.__main__ import parser
from tests.support.bed.layout import FEDERATION, federation_hosts
from tests.support.bed.pillar import CLOCK, files


def clocks(text: str) -> set[str]:
    services = yaml.safe_load(text)["mip"]["federations"][FEDERATION]["services"]
    return {services[name]["env"]["ENGINE_CLOCK"] for name in ("exareme-master", "exareme")}


@pytest.mark.parametrize(
    ("words", "factor"), [((), CLOCK), (("--clock", "1"), 1.0), (("--clock", "2.5"), 2.5)]
)
def test_the_clock_of_the_command_line_is_that_of_master_and_workers(
    words: tuple[str, ...], factor: float
) -> None:
    given = parser().parse_args(["up", *words])
    made = files(federation_hosts(2), settle=2, clock=given.clock)
    assert {float(text) for text in clocks(made[f"mip/{FEDERATION}.sls"])} == {factor}


@pytest.mark.parametrize("factor", ["0", "-1", "fast", "1e9", "nan"])
def test_a_clock_that_cannot_be_is_refused(factor: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["up", f"--clock={factor}"])
    assert "--clock" in capsys.readouterr().err
