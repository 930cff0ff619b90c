"""A refused file's findings with what they mean for this file: what it is, and what to do.

It is asked for a file that is refused only, and goes by the file's beginning, so it costs nothing
where all is well and is bounded where not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from saltext_mip.data.csvfile.diagnosis import encodings, layout, ragged
from saltext_mip.data.csvfile.diagnosis.header import HEAD, diagnose, encoding_advice
from saltext_mip.data.csvfile.diagnosis.ragged import Widths
from saltext_mip.problems import Finding

_FORM = frozenset(
    {"NoDatasetColumn", "NotUtf8", "NulByte", "LoneReturn", "UnclosedQuote", "StrayQuote"}
) | frozenset({"LineTooLong", "Empty"})


class Explainer:
    """``head`` is the beginning of the file, ``size`` its bytes, ``name`` its name.

    ``header`` is what was accepted as its header, () where none was.
    """

    def __init__(self, head: bytes, *, size: int, name: str, header: Sequence[str]) -> None:
        self._head = head[:HEAD]
        self._whole = size <= HEAD
        self._name = name
        self._header = tuple(header)

    def explained(
        self, findings: tuple[Finding, ...], *, widths: Widths, rows: int
    ) -> tuple[Finding, ...]:
        """The findings of a file that is refused, each with its advice."""
        if not self._header and any(each.problem.rule in _FORM for each in findings):
            return self._without_header(findings)
        if widths.rows:
            findings = ragged.explain(findings, widths, rows, self._rows)
        return tuple(self._advised(each) for each in findings)

    def _without_header(self, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        found = diagnose(self._head, whole=self._whole, name=self._name)
        if not found:
            return tuple(map(self._advised, findings))
        left = {each.problem.rule for each in found}
        kept = (each for each in findings if each.problem.rule in ("UnclosedQuote", "LoneReturn"))
        rest = () if left & {"NotCsv", "LockFile"} else tuple(kept)
        # what was found first stands on the line that the scanner stopped at: its example stays
        examples = findings[0].examples
        return (replace(found[0], examples=examples), *found[1:], *map(self._advised, rest))

    def _advised(self, finding: Finding) -> Finding:
        if finding.advice:
            return finding
        match finding.problem.rule:
            case "NotUtf8":
                return replace(finding, advice=encoding_advice(self._decoded))
            case "EmptyColumnName":
                return replace(finding, advice=self._unnamed())
            case "SecondHeader":
                which = _lines(finding)
                return replace(
                    finding, advice=f"{which} repeats the header: delete {which.lower()}."
                )
            case "DatasetEmpty":
                return replace(finding, advice=_no_code(finding))
            case "LoneReturn" if b"\n" not in self._head:
                return replace(finding, advice=_MACINTOSH)
            case _:
                return finding

    @cached_property
    def _decoded(self) -> encodings.Decoded:
        return encodings.decode(self._head, whole=self._whole)

    @cached_property
    def _rows(self) -> list[list[str]]:
        """The fields of the first rows below the header."""
        rows = layout.rows_of(self._decoded.text, ",")[1:]
        if not self._whole:
            rows = rows[:-1]  # it may be cut
        return [fields for _, fields in rows]

    def _unnamed(self) -> str:
        """Of the columns without a name: what each is."""
        names = layout.rows_of(self._decoded.text, ",", limit=1)[0][1]
        sentences = []
        for at, name in enumerate(names):
            if name.strip():
                continue
            cells = [row[at] for row in self._rows if at < len(row)]
            where = f"Column {at + 1} has no name"
            if at == len(names) - 1 and not name and not any(cell.strip() for cell in cells):
                where += " (each line ends with a comma)"
            if not any(cell.strip() for cell in cells):
                sentences.append(f"{where}: if it is empty in every row, delete it.")
            elif at == 0 and ragged.number_rows(cells):
                sentences.append(
                    f"{where} and numbers the rows: delete it, or export again without row names "
                    "(R: row.names=FALSE; pandas: index=False)."
                )
            else:
                sentences.append(f"{where}: write the name of its variable in the header.")
        return " ".join(sentences[:_SHOWN])


_SHOWN = 10
_MACINTOSH = (
    "The lines end as in files of old Macintosh programs: save it as 'CSV UTF-8', not as "
    "'CSV (Macintosh)'."
)


def _lines(finding: Finding) -> str:
    """``Line 3``, or the first few: ``Each of lines 3, 16 and more``."""
    lines = finding.problem.lines
    named = ", ".join(map(str, lines))
    more = " and more" if finding.problem.count > len(lines) else ""
    return f"Line {named}" if len(lines) == 1 and not more else f"Each of lines {named}{more}"


def _no_code(finding: Finding) -> str:
    lines = finding.problem.lines
    named = ", ".join(map(str, lines))
    more = " and more" if finding.problem.count > len(lines) else ""
    which = f"Line {named} has" if len(lines) == 1 and not more else f"Lines {named}{more} have"
    return (
        f"{which} no dataset. A total, a note or an empty row? Delete the line. "
        "A patient? Fill in the code of the dataset."
    )
