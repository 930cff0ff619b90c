"""
What a node of a federation has, for people: the hospital's data manager, the operator.

Nothing here changes data. Row counts below the pillar's ``min_count`` are shown as ``<10``, and no
function but ``mip.check``, which is for the hospital's own machine, shows a value of a file.
``federation`` may be left out where the node's pillar declares one only.
"""

from pathlib import Path

from salt.exceptions import CommandExecutionError

from saltext_mip.errors import MipError
from saltext_mip.node import looks
from saltext_mip.node.here import Here
from saltext_mip.plain import plain

__virtualname__ = "mip"


def __virtual__():
    return __virtualname__


def datasets(federation=None):
    """
    What datasets this node has, per pathology and file.

    federation
        The federation's name.

    Returns ``{pathology: {file: {"datasets": {code: rows}, "rows", "size" (bytes), "sha256",
    "problems": [{"rule", "line", "column", "count", ...}]}}}``; the codes are in the order of their
    first appearance. Whole files are looked at; what has not changed since the last look is not
    read again. A data path that is not there, or not mounted, is an error.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' mip.datasets
        salt 'fed1-wk-chuv' mip.datasets federation=fed1
    """
    return _look(looks.datasets, federation)


def prototypes(federation=None):
    """
    The headers of this node's files: which columns, in which order, in which files.

    federation
        The federation's name.

    Returns ``{pathology: [{"columns": [name, ...], "files": [name, ...]}]}``, each distinct header
    once.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' mip.prototypes
    """
    return _look(looks.prototypes, federation)


def cde(pathology=None, federation=None):
    """
    The Common Data Elements that this node has, in short, or those of one pathology as a tree.

    pathology
        A pathology; without it all, each as a summary.

    federation
        The federation's name.

    Returns ``{pathology: {"code", "label", "version", "sha256", "variables" (how many), "datasets"
    {code: label}}}``, or the tree of ``CDEsMetadata.json``.

    CLI Example:

    .. code-block:: bash

        salt 'fed1-ms' mip.cde
        salt 'fed1-ms' mip.cde dementia
    """
    return _look(looks.cde, federation, pathology)


def check(folder, cde=None):
    """
    Every problem of the CSV files in a folder, with its lines and values: for the data manager.

    Run it on the hospital's own machine; what it prints may hold values of the files.

    folder
        A pathology's folder, e.g. ``/data/fed1/dementia``, or any folder with CSV files.

    cde
        The path of a ``CDEsMetadata.json`` to check against; default: the one in the folder.
        Without one only the form of the files is checked.

    Returns ``{"folder", "cde", "files": {name: [{"rule", "severity", "line", "lines", "column",
    "count", "message", "hint", "examples"}]}, "problems" (how many), "refused": [name]}``; exits
    with 1 when a file would be kept out.

    CLI Example:

    .. code-block:: bash

        salt-call --local mip.check /data/fed1/dementia
        salt-call --local mip.check /home/me/export cde=/data/fed1/dementia/CDEsMetadata.json
    """
    result = _people(looks.check, Path(folder), Path(cde) if cde else None)
    if result["refused"]:
        __context__["retcode"] = 1
    return result


def _look(function, federation, *arguments):
    return _people(
        lambda: function(
            Here.from_pillar(
                plain(__pillar__), federation, __opts__["id"], Path(__opts__["root_dir"])
            ),
            *arguments,
        )
    )


def _people(function, *arguments):
    try:
        return function(*arguments)
    except MipError as exc:
        raise CommandExecutionError(str(exc)) from None
    except OSError as exc:
        where = f": {exc.filename}" if exc.filename else ""
        raise CommandExecutionError(f"{exc.strerror or exc}{where}") from None
