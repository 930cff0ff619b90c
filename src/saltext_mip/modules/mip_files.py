"""
For the hospital's data manager, on the hospital's own machine: check files, correct them, see what
they must look like, and what was asked about them.

With ``salt-call --local`` these functions show values of files, and take files from anywhere. What
returns to the pusher has no value of a file, and is of this node's data path alone.
"""

from pathlib import Path

from saltext_mip.bridge.execution import shaped_errors
from saltext_mip.bridge.pillar import plain
from saltext_mip.errors import Misuse
from saltext_mip.node import queries
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip"
__outputter__ = {"check": "mip"}


def __virtual__():
    return __virtualname__


def check(folder, cde=None):
    """
    Every problem of the CSV files in a folder, or of one file, with lines and values.

    For the hospital's data manager: run it on the hospital's own machine, with
    ``salt-call --local``; then it shows values of the files, in ``examples`` and ``advice``. What
    returns to the pusher, as of any other call, is without them, and is only of this node's data
    path. It writes nothing. ``mip check`` does the same without Salt and without root.

    folder
        A pathology's folder, e.g. ``/data/fed1/dementia``, any folder with CSV files, or one file,
        also before it is put into the data path.

    cde
        The path of a ``CDEsMetadata.json`` to check against; default: the one in the folder.
        Without one only the form of the files is checked, and that is a problem.

    A ``folder`` or ``cde`` outside the node's data path is an error without ``--local``.

    Returns ``{"folder", "cde", "files": {name: [{"rule", "severity", "line", "lines", "column",
    "count", "message", "hint", "examples", "advice"}]}, "problems" (how many), "refused": [name],
    "checked": [name], "accepted": {name: {"rows", "datasets": {code: rows}}}, "refused_later":
    {name: [{"rule", "column", "count", "about"}]}}``: the last is what MIP 8 and 9 refuse in the
    CDE and in files that are accepted here. On a terminal it prints what the report in the data
    path has, and those notes under one heading. Exits with 1 when a file would be kept out, and
    when there are no CSV files or no CDE.

    CLI Example:

    .. code-block:: bash

        salt-call --local mip.check /data/fed1/dementia
        salt-call --local mip.check /home/me/export cde=/data/fed1/dementia/CDEsMetadata.json
    """
    with shaped_errors():
        at, known = _readable("check", folder), _readable("check", cde) if cde else None
        result = queries.check(at, known, values=_stays())
    if result.refused or result.cde is None:
        __context__["retcode"] = 1
    return _builtins(result)


def codebook(pathology, federation=None, separator="comma", folder=None):
    """
    A pathology's CDE as tables for a spreadsheet: its codebook, and an empty file to fill in.

    pathology
        The pathology; or, with ``salt-call --local``, the path of a folder with a
        ``CDEsMetadata.json``, or of such a file: then no federation is needed. Without ``--local``
        a path must be in this node's data path.

    federation
        The federation's name.

    separator
        Of the codebook: ``comma``, ``semicolon`` (Excel in most of Europe opens a file with it by
        double click) or ``tab``. The empty file always has commas, as data must.

    folder
        An existing folder to write both into: ``<pathology>-codebook.csv`` and
        ``<pathology>-template.csv``. A file that is there already is an error, and so is a folder
        in a job of the pusher: only ``salt-call`` on this machine writes.

    Returns ``{"pathology", "codebook": text, "template": text, "written": [path]}``. The codebook
    has a row for each variable: column, label, type, allowed codes with labels, minimum, maximum,
    unit and description.

    CLI Example:

    .. code-block:: bash

        salt-call mip.codebook dementia
        salt-call --local mip.codebook /data/fed1/dementia folder=/home/me separator=semicolon
    """
    with shaped_errors():
        at, target = Path(str(pathology)), Path(folder) if folder else None
        if target and not _called_here():
            raise Misuse("mip.codebook writes files only for salt-call on the node itself.")
        if at.is_absolute():
            known = queries.cde_at(_readable("codebook", at))
        else:
            root = Path(__opts__["root_dir"])
            context = NodeContext.from_pillar(plain(__pillar__), federation, __opts__["id"], root)
            known = queries.cde_of(context, str(pathology))
        return _builtins(queries.codebook(known, separator=separator, folder=target))


def fingerprint(file, federation=None):
    """
    The fingerprint of a file's content: what this node would tell the pusher of it.

    Only on the hospital's own machine, with ``salt-call --local``; any other call is refused. With
    it the hospital confirms what was served: the same fingerprint in ``mip.show`` of a generation
    is proof that it was this content, to the byte. Nobody can make or test one without the key,
    which never leaves the node.

    file
        The CSV file, wherever it is, such as in a backup.

    federation
        The federation's name; it may be left out where the node is in only one.

    Returns ``{"file", "federation", "fingerprint"}``. Errors: a file that cannot be read; a node
    without a key, since it was never asked for its data yet.

    CLI Example:

    .. code-block:: bash

        salt-call --local mip.fingerprint /data/fed1/dementia/edsd.csv federation=fed1
    """
    with shaped_errors():
        if not _stays():
            raise Misuse(
                "mip.fingerprint runs on the hospital's own machine: salt-call --local "
                "mip.fingerprint."
            )
        root = Path(__opts__["root_dir"])
        return queries.fingerprint(root, federation and str(federation), Path(file))


def fix(file, cde=None, write=False, out=None, encoding=None):
    """
    Correct a CSV file mechanically: what loses nothing and can mean one thing only.

    Only on the hospital's own machine, with ``salt-call --local``; any other call is refused. It
    corrects the encoding, the separator, decimal commas, line ends, blanks around codes and
    numbers, the writing of column names, unnamed empty columns, rows of separators, and labels
    instead of their code. The original is never touched. What a person has to decide is left.

    file
        The CSV file.

    cde
        The path of a ``CDEsMetadata.json``; default: the one in the file's folder.

    write
        Write the result into a new file, readable by you alone, and check it.

    out
        That file, outside the data path; default: ``<name>.fixed.csv`` beside the original, where
        that is outside the data path.

    encoding
        The file's encoding where it cannot be recognised, such as ``cp1252``.

    Returns ``{"file", "changes": {correction: cells}, "left": [text], "written": path,
    "problems"}``: of the result, as ``mip.check`` has them. Errors: a file that is not CSV, a CDE
    that is not found, an ``out`` that exists or is in the data path.

    CLI Example:

    .. code-block:: bash

        salt-call --local mip.fix /home/me/export.csv cde=/data/fed1/dementia/CDEsMetadata.json
        salt-call --local mip.fix /data/fed1/dementia/edsd.csv write=True out=/home/me/edsd.csv
    """
    with shaped_errors():
        if not _stays():
            raise Misuse("mip.fix runs on the hospital's own machine: salt-call --local mip.fix.")
        known, target = Path(cde) if cde else None, Path(out) if out else None
        return queries.fix(Path(file), known, encoding=encoding, write=write is True, out=target)


def history(federation=None):
    """
    The CDEs that this node was asked to verify its files against.

    Each is listed when it was asked about for the first time: a consolidation and its dry run ask
    once. The CDE that the node has, labels and datasets are not questions. Of more than 20 new CDEs
    of a pathology in 24 hours the node answers none (``TooManyTrials``), until ``mip.allow``.

    federation
        The federation's name; may be left out where this machine has state of one only.

    Returns ``{"asked": [{"when", "pathology", "what": "answered"|"refused"|"allowed", "rules",
    "cde", "job", "changed": [variable]}], "left": {pathology: how many more}}``: ``rules`` is the
    digest of the CDE's rules about values, ``cde`` the SHA-256 of its file, ``job`` Salt's job, and
    ``changed`` are the first variables that it judges otherwise than the node's own CDE does.

    CLI Example:

    .. code-block:: bash

        salt-call --local mip.history
    """
    with shaped_errors():
        return _builtins(queries.asked(_root(), federation))


def allow(pathology, federation=None):
    """
    Answer about 20 further new CDEs of a pathology: only for the hospital, on its own machine.

    The node refuses too many different CDEs in a day (``TooManyTrials``), since many answers
    together tell values. Look at ``mip.history`` first: who asked, and about which variables? Any
    call but by ``salt-call --local`` is refused.

    pathology
        The pathology.

    federation
        The federation's name; may be left out where this machine has state of one only.

    Returns what ``mip.history`` does. An error where the node has no such pathology.

    CLI Example:

    .. code-block:: bash

        salt-call --local mip.allow dementia
    """

    with shaped_errors():
        if not _stays():
            raise Misuse("Run it on the hospital's own machine: salt-call --local mip.allow.")
        return _builtins(queries.allow(_root(), str(pathology), federation))


def _called_here():
    """Whether a user of this machine called, and not a job."""
    return __opts__.get("__cli") == "salt-call"


def _stays():
    """Whether a return stays here; any other goes to the pusher, and into its job cache."""
    return _called_here() and __opts__.get("file_client") == "local"


def _readable(function, path):
    """The path; an error where its content would go to the pusher and is not the federation's."""
    if not _stays():
        data_paths = [each.data_path for each in NodeContext.all(plain(__pillar__), __opts__)]
        queries.require_in_data_path(Path(path), data_paths, f"salt-call --local mip.{function}")
    return Path(path)


def _root():
    return Path(__opts__["root_dir"])


def _builtins(result):
    import msgspec  # a minion that loads this pays no import

    return msgspec.to_builtins(result)
