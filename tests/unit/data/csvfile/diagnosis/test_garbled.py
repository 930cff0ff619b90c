"""Text that was read in the wrong encoding is found, and what is only unusual is not."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from saltext_mip.data.csvfile.diagnosis.garbled import PATTERN, advice, may_have, meant
from tests.unit.data.csvfile.test_validator import check, made, told

WORDS = ("Genève", "Köln", "Zürich", "Österreich", "À côté", "naïve", "España", "MÜLLER", "Åse")
SIGNS = ("l’âge", "“quoted”", "5 €", "37°", "±2", "a – b", "…")
EASTERN = ("Łódź", "čeština", "ďáblice", "œuvre", "ŠKODA")


def found(text: str) -> bool:
    return bool(pl.Series([text]).str.contains(PATTERN)[0])


def read_as(text: str, encoding: str) -> str:
    made = ""
    for byte in text.encode():
        try:
            made += bytes([byte]).decode(encoding)
        except UnicodeDecodeError:
            made += chr(byte)
    return made


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("text", [*WORDS, *SIGNS, *EASTERN])
def test_what_was_utf8_is_found_and_read_back(text: str, encoding: str):
    garbled = read_as(text, encoding)
    assert found(garbled)
    assert may_have(garbled.encode())
    assert meant(garbled) == text


@pytest.mark.parametrize("text", [*WORDS, *SIGNS, *EASTERN, "SÃO PAULO", "MAÇÃ", "Âge", "ÄRZTE"])
def test_what_people_write_is_not(text: str):
    assert not found(text)


def test_a_lost_character_is_found_and_cannot_be_read_back():
    assert found("Gen�ve")
    assert may_have("Gen�ve".encode())
    assert meant("Gen�ve") is None


def test_ascii_has_none():
    assert not may_have(b"dataset,city\na,Bern\n")


def test_the_advice_shows_what_it_was():
    assert "'GenÃ¨ve' was probably 'Genève'" in advice([(2, "GenÃ¨ve"), (3, "GenÃ¨ve")])


def test_a_file_with_such_cells_is_a_warning_with_lines(tmp_path: Path):
    text = "dataset,filler\na,Genève\na,GenÃ¨ve\na,Bern\na,KÃ¶ln\n"
    assert told(check(tmp_path, text, made())) == [("GarbledText", "filler", 2, (3, 5))]
