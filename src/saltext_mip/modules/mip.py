"""
What a node of a federation has, for people: the hospital's data manager, the operator.

Nothing here changes data. Row counts below the pillar's ``min_count`` are shown as ``<10``, and no
function shows a value of a file.
``federation`` may be left out where the node's pillar declares one only.
"""

import time
from pathlib import Path

import saltext_mip
from saltext_mip import arguments
from saltext_mip.bridge.execution import shaped_errors
from saltext_mip.bridge.pillar import plain
from saltext_mip.node import databases, queries
from saltext_mip.node.context import NodeContext

__virtualname__ = "mip"
__func_alias__ = {"compile_": "compile"}


def __virtual__():
    return __virtualname__


def datasets(federation=None):
    """
    What datasets this node has, per pathology and file.

    federation
        The federation's name.

    Returns ``{pathology: {file: {"datasets": {code: rows}, "rows", "size", "sha256",
    "problems": [{"rule", "line", "column", "count", ...}]}}}``; the codes are in the order of their
    first appearance. ``sha256`` is a fingerprint with a key of the node, which only
    ``mip.fingerprint`` there can confirm; ``size`` is in bytes, of a file with few rows rounded up
    (``<1 kB``). Whole files are looked at; what has not changed since the last look is not
    read again. A data path that does not exist, or is not mounted, is an error. Of a pathology
    whose files are unknown, such as one whose own disk is not mounted, ``{"problem": text}``.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' mip.datasets
        salt 'fed1-wk-chuv' mip.datasets federation=fed1
    """
    return _query(queries.datasets, federation)


def prototypes(federation=None):
    """
    The headers of this node's files: which columns, in which order, in which files.

    federation
        The federation's name.

    Returns ``{pathology: [{"columns": [name, ...], "files": [name, ...]}]}``, each distinct header
    once; of a pathology whose files are unknown, ``{"problem": text}``.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' mip.prototypes
    """
    return _query(queries.prototypes, federation)


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
    return _query(queries.cde, federation, pathology)


def compile_(pathology=None, federation=None, force=False, strict=False):
    """
    Compile this node's CSV files and CDEs into the engine's databases, where these are stale.

    pathology
        One, several with commas between, or a list; default: all.

    federation
        The federation's name.

    force
        Read and compile everything again.

    strict
        Warnings (enumerations, bounds, doubled visits) keep a file out as errors do.

    Returns ``{pathology: {"status": "compiled"|"current"|"failed", "changed", "reason" (why it was
    stale), "rows", "datasets", "seconds", "files": {name: "compiled"|"kept"|"out"}, "problems"}}``;
    exits with 1 when one failed. A file that is bad keeps the rows that it had when it was good,
    the other files compile. What is wrong, with values, stands in
    ``<data_path>/mip-report-<pathology>.txt`` on the node.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' mip.compile
        salt 'fed1-wk-chuv' mip.compile dementia force=True
    """
    result = _shaped(
        lambda: databases.compile_all(
            _context(federation),
            arguments.pathologies(pathology),
            force=force,
            strict=strict,
        )
    )
    if any(of["status"] == "failed" for of in result.values()):
        __context__["retcode"] = 1
    return result


def compiled(pathology=None, federation=None, verify=False):
    """
    Tell of each database whether it is current, and why not. Unchanged files are not read.

    pathology
        One, several with commas between, or a list; default: all.

    federation
        The federation's name.

    verify
        Compare each database with its sources, cell by cell.

    Returns ``{pathology: {"current", "reason"}}``, with ``verify`` also ``"same"`` and
    ``"differences": [{"file", "line", "column", "rule", "count"}]``; exits with 1 when one is not
    current, or not the same.

    CLI Example:

    .. code-block:: bash

        salt '*wk*' mip.compiled
        salt 'fed1-wk-chuv' mip.compiled dementia verify=True
    """
    result = _shaped(
        lambda: databases.states(
            _context(federation), arguments.pathologies(pathology), verify=verify
        )
    )
    if not all(of["current"] and of.get("same", True) for of in result.values()):
        __context__["retcode"] = 1
    return result


def logs(component=None, lines=10000, since=None, federation=None):
    """
    The last lines that a component of this node wrote, of all its containers that still exist.

    Lines leave the node as the service wrote them, with control characters escaped.

    component
        Such as ``exareme``; default: that of the node's role (``exareme-master``,
        ``portalbackend`` or ``exareme``).

    lines
        The largest number of lines.

    since
        Only later ones: ``90s``, ``10m``, ``2h``, ``3d`` ago, or a date (UTC, ISO 8601).

    federation
        The federation's name.

    Returns ``{"component", "containers": [name, ...], "lines": [[time, text], ...]}``, in the order
    of time. It is an error if Docker does not respond.

    CLI Example:

    .. code-block:: bash

        salt 'fed1-ms' mip.logs lines=50
        salt 'fed1-ui' mip.logs component=frontend since=10m
    """

    from saltext_mip.node import logs as node_logs
    from saltext_mip.node.containers import local_docker
    from saltext_mip.swarm.components import COMPONENTS

    def read():
        name = component or COMPONENTS[_context(federation).node.role]
        return node_logs.component_log(local_docker(), name, lines, since, time.time())

    return _shaped(read)


def services(federation=None):
    """
    The services on this node: its containers of the federation, as its own Docker reports them.

    federation
        The federation's name.

    Returns ``{service: {"image", "state", "status", "container"}}``. For the state of services in
    the Swarm see ``salt-run mip.status`` on the pusher.

    CLI Example:

    .. code-block:: bash

        salt '*' mip.services
    """
    from saltext_mip.node import containers

    return _shaped(lambda: containers.federation_containers(_context(federation)))


def version():
    """
    The version of this extension that runs here. ``mip version list`` on the pusher compares.

    Returns the version, such as ``1.2.0``.

    CLI Example:

    .. code-block:: bash

        salt '*' mip.version
    """
    return saltext_mip.__version__


def _context(federation):
    return NodeContext.from_pillar(
        plain(__pillar__), federation, __opts__["id"], Path(__opts__["root_dir"])
    )


def _query(function, federation, *arguments):
    return _shaped(lambda: function(_context(federation), *arguments))


def _shaped(function, *arguments):
    with shaped_errors():
        return function(*arguments)
