"""Lines of ``salt-run`` and ``salt`` that the manual has: each is run as it is typed."""

from __future__ import annotations

import shutil

import pytest

from tests.support import expected, manual
from tests.support.local import LocalFederation
from tests.support.person import fill, typed

LINES = manual.lines("loopback", "salt-run", "salt", "salt-call")


@pytest.mark.timeout(1800)
def test_every_line_ends_as_it_should_and_shows_it(fed: LocalFederation) -> None:
    fill(fed)
    consolidate = "salt-run mip.consolidate"
    assert typed(fed, consolidate).returncode == 0
    fed.write_data("fed1-wk-h2", "dementia", "late.csv", b"dataset\n" + b"late\n" * 12)
    assert typed(fed, consolidate).returncode == 0
    wrong = []
    for line in LINES:
        if "| jq" in line.text and not shutil.which("jq"):
            continue
        ran = typed(fed, line.text)
        code, text = expected.LOOPBACK.get(line.text, (0, expected.shown(line)))
        said = ran.stdout + ran.stderr
        if ran.returncode != code or text not in said or "Traceback" in said:
            wrong.append(f"{line.text}: {ran.returncode}, not {code} with {text!r}\n{said[:3000]}")
    assert not wrong, "\n".join(wrong)
