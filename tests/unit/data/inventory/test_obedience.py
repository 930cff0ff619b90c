"""Whoever obeys the advice ends with the correct file, or with a further problem: never with a file
that is accepted and differs from the data that it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.data.cde.model import parse
from saltext_mip.data.inventory.check import check
from tests.support.mess import CDE, Mess, corpus
from tests.support.obedience import obey, same

CORPUS = corpus()
ROUNDS = 8


def problems(folder: Path, content: bytes, name: str):
    path = folder / name
    path.write_bytes(content)
    found = check(path, folder / "CDEsMetadata.json").files[0].findings
    path.unlink()
    return [each for each in found if each.problem.severity != "note"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "CDEsMetadata.json").write_bytes(CDE)
    return tmp_path


def test_the_corpus_has_enough_kinds():
    assert len({mess.name for mess in CORPUS}) == len(CORPUS) >= 60
    assert parse(CDE, pathology="dementia").datasets


@pytest.mark.parametrize("mess", CORPUS, ids=lambda mess: mess.name)
def test_its_first_problem_is(folder: Path, mess: Mess):
    assert problems(folder, mess.content, mess.file)[0].problem.rule == mess.rule


def obeyed(folder: Path, mess: Mess) -> tuple[str, bytes]:
    """How it ends: ``accepted``, or the rule of the problem that is left, and the file."""
    content, name = mess.content, mess.file
    for _ in range(ROUNDS):
        found = problems(folder, content, name)
        if not found:
            return "accepted", content
        for finding in found:
            changed = obey(content, finding, mess)
            if changed is not None and changed != content:
                content, name = changed, "export.csv"
                break
        else:
            return found[0].problem.rule, content
    raise AssertionError(f"{mess.name}: still {found[0].problem.rule} after {ROUNDS} rounds")


@pytest.mark.parametrize("mess", CORPUS, ids=lambda mess: mess.name)
def test_who_obeys_never_ends_with_a_file_that_is_accepted_and_different(folder: Path, mess: Mess):
    end, content = obeyed(folder, mess)
    assert end != "accepted" or same(content, mess)


def test_most_kinds_end_with_the_correct_file(folder: Path):
    left = {mess.name: end for mess in CORPUS if (end := obeyed(folder, mess)[0]) != "accepted"}
    assert len(left) <= len(CORPUS) // 4, left
