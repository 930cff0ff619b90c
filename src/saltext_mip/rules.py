"""The rules that data and services are checked against: severity, text, hint. A table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Rule:
    """A rule for data. ``text`` names the problem, ``hint`` what to do about it."""

    name: str
    severity: Severity
    hard: bool
    text: str
    hint: str


def _rules(*rules: Rule) -> dict[str, Rule]:
    return {rule.name: rule for rule in rules}


RULES: dict[str, Rule] = _rules(
    # -- services
    Rule(
        "ServiceNotServing",
        "error",
        False,
        "a service that does not serve",
        "See its error and the last lines of its log; then salt-run mip.deploy.",
    ),
    Rule(
        "NodeMissing",
        "error",
        False,
        "the node does not answer",
        "Check its network, power and salt-minion; then salt-run mip.deploy.",
    ),
    Rule(
        "NodeFailed",
        "error",
        False,
        "the node could not do it",
        "Fix what its error names, then run salt-run mip.deploy.",
    ),
    # -- the form of a CSV file: such a file cannot be read as a table
    Rule("Empty", "error", True, "the file is empty", "Write a header and rows, or remove it."),
    Rule(
        "NotUtf8",
        "error",
        True,
        "bytes that are not UTF-8",
        "Save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8').",
    ),
    Rule("NulByte", "error", True, "a NUL byte", "Write the file again from its source."),
    Rule(
        "UnclosedQuote",
        "error",
        True,
        "a quoted field that does not end",
        "Close the quote; a quote inside a quoted field is written twice.",
    ),
    Rule(
        "StrayQuote",
        "error",
        True,
        "a quote inside a field that is not quoted",
        "Quote the whole field and write the quotes inside it twice.",
    ),
    Rule(
        "TooFewFields",
        "error",
        True,
        "fewer fields than the header",
        "Give every row as many fields as the header; empty ones too.",
    ),
    Rule(
        "TooManyFields",
        "error",
        True,
        "more fields than the header",
        "Quote fields that hold a comma.",
    ),
    Rule(
        "LoneReturn",
        "error",
        True,
        "a carriage return that does not end a line",
        "Save the file with line ends LF or CRLF; quote fields that hold a line end.",
    ),
    Rule(
        "LineTooLong",
        "error",
        True,
        "a line longer than 4 MiB",
        "Check that this is a CSV file with line ends LF or CRLF.",
    ),
    Rule(
        "NoDatasetColumn",
        "error",
        True,
        "the first line has no column 'dataset'",
        "Give the file a header line with a column 'dataset'.",
    ),
    Rule(
        "DuplicateColumn",
        "error",
        True,
        "a column twice in the header",
        "Keep one of the two columns.",
    ),
    Rule(
        "ColumnUnsafe",
        "error",
        True,
        "a column's name with a control character or of more than 255 characters",
        "Rename the column as the CDE calls it.",
    ),
    Rule(
        "TooManyColumns",
        "error",
        True,
        "more columns than a database holds (32,767)",
        "Check that the first line is a header.",
    ),
    Rule("EmptyColumnName", "error", True, "a column without a name", "Name or remove the column."),
    Rule(
        "DatasetEmpty",
        "error",
        True,
        "rows without a value in 'dataset'",
        "Fill in the code of the dataset in these rows.",
    ),
    Rule(
        "DatasetUnsafe",
        "error",
        True,
        "a dataset code with a control character or of more than 255 characters",
        "Use a short code that can be shown on a line.",
    ),
    Rule(
        "TooManyDatasets",
        "error",
        True,
        "more than 1,000 different values in 'dataset'",
        "Check that the column holds the codes of datasets.",
    ),
    Rule("NoRows", "warning", False, "a header and no rows", "Add rows, or remove the file."),
    Rule(
        "FileChanging",
        "error",
        True,
        "the file changed while it was read",
        "Wait until it is copied; it is read again then.",
    ),
    Rule(
        "Unreadable",
        "error",
        True,
        "the file cannot be read",
        "Check owner, mode and disk of the file.",
    ),
    Rule(
        "UnsafeName",
        "error",
        True,
        "a name that is not allowed (control character, or a link that leaves the folder)",
        "Rename the file, or put the file itself in place of the link.",
    ),
    # -- a file against its CDE
    Rule(
        "UnknownColumn",
        "error",
        True,
        "a column that the CDE does not have",
        "Remove or rename the column, or have the variable added to the CDE.",
    ),
    Rule(
        "NotANumber",
        "error",
        True,
        "values that are not of the variable's type",
        "Correct them, or leave the field empty.",
    ),
    Rule(
        "NotWhole",
        "error",
        True,
        "values that are not whole numbers",
        "Correct them, or have the variable's type changed to real.",
    ),
    Rule(
        "OutOfRange64",
        "error",
        True,
        "numbers that the database cannot hold",
        "Correct them: int holds 64 bits, real must be finite.",
    ),
    Rule(
        "NotEnumerated",
        "warning",
        False,
        "values that the variable's enumeration does not list",
        "Correct them, or have them added to the CDE.",
    ),
    Rule(
        "OutOfBounds",
        "warning",
        False,
        "values below the variable's minimum or above its maximum",
        "Correct them, or have the bounds changed in the CDE.",
    ),
    Rule(
        "DoubledVisit",
        "warning",
        False,
        "more than one row for a subject and visit",
        "Keep one row a subject and visit.",
    ),
    Rule(
        "BoundsNotWhole",
        "note",
        False,
        "bounds in the CDE that METADATA cannot hold (not integers)",
        "Nothing to do unless an algorithm needs them.",
    ),
    Rule(
        "SubjectcodeLeftOut",
        "note",
        False,
        "a column 'subjectcode' that the CDE does not have is left out",
        "Nothing to do; with compile: {subjectcode: true} it is kept.",
    ),
    # -- CDEs
    Rule(
        "CdeMissing",
        "error",
        True,
        "there is no CDE for this pathology",
        "Put CDEsMetadata.json into the pathology's folder on the master.",
    ),
    Rule(
        "CdeInvalid",
        "error",
        True,
        "the CDE cannot be used",
        "Correct CDEsMetadata.json on the master.",
    ),
    Rule(
        "CatalogueNone",
        "warning",
        False,
        "the data catalogue has no CDE for it; the master's is used",
        "Publish it in the catalogue, or do without online_cdes.",
    ),
    # -- the federation
    Rule(
        "DuplicateDataset",
        "warning",
        False,
        "one dataset code on more than one worker",
        "Agree on codes of one's own, unless it is meant.",
    ),
    Rule(
        "AmbiguousCode",
        "warning",
        False,
        "dataset codes that the portal cannot tell apart, or that hold a comma",
        "Rename one of them.",
    ),
    Rule(
        "DuplicatePathology",
        "warning",
        False,
        "CDEs of several pathologies with the same root code",
        "Give the root of each CDE the code of its own pathology.",
    ),
    Rule(
        "NotAFolder",
        "note",
        False,
        "not a pathology's folder",
        "Nothing to do unless it should be one.",
    ),
    Rule(
        "NoData",
        "note",
        False,
        "the folder has no CSV files",
        "Nothing to do unless data should be there.",
    ),
    Rule(
        "ReportUnwritten",
        "note",
        False,
        "the report with the values could not be written into the data path",
        "Make the data path writable, or run mip.check on the node.",
    ),
    Rule(
        "NotRemembered",
        "note",
        False,
        "the node could not save what it read",
        "Check the disk of /var/lib/mip; until then all files are read again each time.",
    ),
    Rule(
        "WorkerMissing",
        "error",
        True,
        "the worker did not answer",
        "Check its network, power and salt-minion.",
    ),
    Rule(
        "WorkerFailed",
        "error",
        True,
        "the worker returned an error or an invalid response",
        "Read its error; its log is /var/log/salt/minion.",
    ),
    Rule(
        "CdeNoFile",
        "error",
        True,
        "where the CDE belongs is something else",
        "Move it away: the next consolidation writes CDEsMetadata.json.",
    ),
    Rule(
        "MountGone",
        "error",
        True,
        "the data path is not what was enrolled: '.mip-data' is missing",
        "Mount the disk; or, if its data is meant to be new: salt-run mip.enable node=<node>.",
    ),
    Rule(
        "Settling",
        "note",
        False,
        "its files are being changed: it goes on as it was until they are left alone",
        "Nothing to do; it is read again automatically.",
    ),
    Rule(
        "NoDataPath",
        "error",
        True,
        "the data path is not there",
        "Create or mount it, or correct data_path in the pillar.",
    ),
    Rule(
        "DatabaseUnwritten",
        "error",
        True,
        "the database could not be written; the one that was there stays",
        "Check space, owner and mode of the pathology's folder.",
    ),
    Rule(
        "TablesDiffer",
        "error",
        True,
        "tables of the database that are not what the CDE says",
        "Compile it again: salt-run mip.compile force=True.",
    ),
    Rule(
        "RowsMissing",
        "error",
        True,
        "rows of the file that the database does not have",
        "Compile it again: salt-run mip.compile force=True.",
    ),
    Rule(
        "RowsForeign",
        "error",
        True,
        "rows of the database that no file has",
        "Compile it again: salt-run mip.compile force=True.",
    ),
    Rule(
        "CellsDiffer",
        "error",
        True,
        "values in the database that are not those of the file",
        "Compile it again: salt-run mip.compile force=True.",
    ),
    Rule(
        "KeptWithoutColumn",
        "warning",
        False,
        "the kept rows are without a column whose type in the CDE changed",
        "Fix the problems of the file.",
    ),
    Rule(
        "KeptAsItWas",
        "note",
        False,
        "the file is served as it was when it was last good",
        "Fix the problems of the file.",
    ),
    # -- rights in Keycloak
    Rule(
        "RightsSplit",
        "error",
        False,
        "a name with a comma gets no rights: the portal would read it as several",
        "Rename it.",
    ),
    Rule(
        "RightsReserved",
        "error",
        False,
        "a name that the portal reads as 'all' gets no rights: they would open everything",
        "Rename it.",
    ),
    Rule(
        "RightsUnfit",
        "error",
        False,
        "a name that cannot be that of a role: empty, too long, or with a control character",
        "Rename it.",
    ),
    Rule(
        "RightsAlike",
        "warning",
        False,
        "names that are one right to the portal (it ignores letter case, blanks and brackets)",
        "Rename all but one: who may use one may use the others.",
    ),
    Rule(
        "RightsRefused",
        "error",
        False,
        "Keycloak refused it",
        "See 'failed' for its error, and Keycloak's log.",
    ),
    Rule(
        "OrphanKept",
        "warning",
        False,
        "an orphan that is not removed although it was asked for",
        "Remove it by hand in Keycloak, if it is really not needed.",
    ),
    Rule(
        "MembersNotCopied",
        "warning",
        False,
        "the other client's group has members, and this federation has no such group",
        "Nothing to do unless they should have rights here.",
    ),
    Rule(
        "ClientNotConfidential",
        "warning",
        False,
        "the client is public or bearer-only: the portal needs a confidential one",
        "In Keycloak, switch 'Client authentication' of the client on.",
    ),
)
