"""What is refused costs no more than reading up to the limit: memory, and bytes of the disk.

Each runs in a process of its own whose memory is limited by the kernel.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.data.cde import strict_json
from saltext_mip.data.cde.model import CdeInvalid, parse
from saltext_mip.data.cde.structure import MOST_MISTAKES
from saltext_mip.data.csvfile import reader
from saltext_mip.data.database.build_record import Source
from saltext_mip.data.database.staleness import unchanged
from saltext_mip.text import shown
from tests.support import cdes
from tests.support.limited import limited

MB = 1 << 20
HEADER = b"subjectcode,dataset\n"
IMPORTS = """
from pathlib import Path
from saltext_mip.data.cde.model import CdeInvalid, parse
from saltext_mip.data.csvfile import reader
"""


PARSE = """
try:
    parse(Path(sys.argv[1]).read_bytes(), pathology="dementia")
except CdeInvalid as error:
    print(len(str(error)) < 1000, max(len(str(each)) for each in error.mistakes) < 1000, error)
"""

VARIABLES = b'{"code":"a","label":"b","variables":[%b]}'
CDES = {
    "one string": (b'"' + b"a" * 32 * MB + b'"', "a text of more than"),
    "one string, then an error": (b'["' + b"a" * 32 * MB + b'", NaN]', "a text of more than"),
    "one string of escapes": (b'["' + b"\\n" * 16 * MB + b'", NaN]', "a text of more than"),
    "a key twice": (b'{"%b":1,"%b":2}' % ((b"k" * 900_000,) * 2), "twice in one object"),
    "a string without an end": (b'["' + b"a" * 32 * MB, "a text that is not closed"),
    "objects": (b"[" + b"{}," * 10 * MB + b"{}]", "commas, colons and brackets"),
    "lists": (b"[" + b"[]," * 10 * MB + b"[]]", "commas, colons and brackets"),
    "numbers": (b"[" + b"1," * 16 * MB + b"1]", "commas, colons and brackets"),
    "mistakes": (VARIABLES % (b"{}," * 600_000 + b"{}"), "999 more mistakes"),
    "blanks": (b" " * 32 * MB, "not JSON"),
    "a number": (b"[" + b"1" * 32 * MB + b"]", "a number that JSON does not have"),
}


@pytest.mark.parametrize("what", CDES)
def test_a_cde_is_refused_in_little_memory(tmp_path: Path, what: str) -> None:
    content, reason = CDES[what]
    (tmp_path / "cde.json").write_bytes(content)
    found = limited(200, IMPORTS, PARSE, str(tmp_path / "cde.json"))
    assert found.startswith("True True ")
    assert reason in found


def test_the_limits_are_far_from_what_a_cde_has() -> None:
    marks = cdes.content(datasets=["edsd"]).count(b",")
    assert 1000 * marks < strict_json.MAX_MARKS
    assert parse(
        cdes.content(label="b" * strict_json.MAX_STRING, datasets=["edsd"]), pathology="dementia"
    )
    with pytest.raises(CdeInvalid, match="a text of more than"):
        parse(
            cdes.content(label="b" * (strict_json.MAX_STRING + 1), datasets=["edsd"]),
            pathology="dementia",
        )


def test_a_long_code_is_cut_where_it_names_a_place() -> None:
    code = b'{"code":"%b"}' % (b"c" * 500_000)
    with pytest.raises(CdeInvalid) as refused:
        parse(VARIABLES % b",".join([code] * 5), pathology="dementia")
    assert 5 < len(refused.value.mistakes) < MOST_MISTAKES
    assert all(len(str(mistake)) < 500 for mistake in refused.value.mistakes)


READ = """
read = []
table = reader.read(Path(sys.argv[1]), progress=read.append)
print(max(read), table.size, *(finding.problem.rule for finding in table.findings))
"""


@pytest.mark.parametrize(
    ("begin", "rule"),
    [
        (HEADER, "LineTooLong"),
        (HEADER + b'"', "UnclosedQuote"),
        (b"", "NotCsv"),
        (b"one,two\n1,2\n", "NotCsv"),
        (b"dataset\n" + b"".join(b"%d\n" % n for n in range(1001)), "TooManyDatasets"),
    ],
)
def test_a_sparse_file_is_not_read_to_its_end(tmp_path: Path, begin: bytes, rule: str) -> None:
    path = tmp_path / "some.csv"
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(1 << 40)  # reading that takes days
    read, size, *rules = limited(150, IMPORTS, READ, str(path)).split()
    assert int(size) == 1 << 40
    assert int(read) <= 8 * MB
    assert rules == [rule]


def test_a_file_that_is_not_read_to_its_end_is_known_again(tmp_path: Path) -> None:
    """By its beginning and its size: the rest changes nothing of what is found."""
    path = tmp_path / "some.csv"
    path.write_bytes(HEADER + b"x" * 10 * MB)
    table = reader.read(path)
    source = Source("out", None, table.sha256)
    assert unchanged(source, path) is not None
    path.write_bytes(HEADER + b"x" * 10 * MB + b"x")
    assert unchanged(source, path) is None
    path.write_bytes(HEADER + b"y" + b"x" * (10 * MB - 1))
    assert unchanged(source, path) is None


def test_a_text_is_cut_before_it_is_escaped() -> None:
    class Watched(str):
        def __getitem__(self, key: object) -> str:
            assert key == slice(None, 10, None)
            return super().__getitem__(key)  # type: ignore[index]

        def __iter__(self):  # type: ignore[no-untyped-def]
            raise AssertionError("all of it is looked at")

    assert shown(Watched("\x1b" * 1000), 10) == "\\x1b\\x1b\\x…"
    assert shown("a" * 10, 10) == "a" * 10
    assert shown("a" * 11, 10) == "a" * 10 + "…"
    assert shown("a\u202eb") == "a\\u202eb"
