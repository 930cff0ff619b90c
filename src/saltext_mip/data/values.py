"""What a file's header and values must be for its CDE: the same rules for consolidate and compile.

A file is listed by ``consolidate`` and compiled by ``compile`` under one and the same verdict, so
both ask here, and so does ``mip.check`` for a hospital's data manager. The form of a file (quotes,
fields per row, encoding) is not looked at again: that is :mod:`saltext_mip.data.tables`.
"""

from __future__ import annotations

from collections.abc import Sequence

from saltext_mip.data.cde import Cde
from saltext_mip.problems import Finding, Problem

SUBJECTCODE = "subjectcode"


def check_header(header: Sequence[str], cde: Cde, *, subjectcode: bool) -> tuple[Finding, ...]:
    """What is wrong with these column names for this CDE; a file may have fewer than the CDE.

    ``subjectcode``: whether the database has a column of that name where the CDE lacks it.
    """
    known = {variable.code for variable in cde.variables}
    found = []
    for column in header:
        if column in known:
            continue
        if column != SUBJECTCODE:
            found.append(Finding(Problem("UnknownColumn", line=1, column=column)))
        elif not subjectcode:
            found.append(Finding(Problem("SubjectcodeLeftOut", line=1, column=column)))
    return tuple(found)
