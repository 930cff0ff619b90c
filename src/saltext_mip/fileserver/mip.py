"""
Serve the SLS files of the package below ``salt://mip/``.

States are ``salt://mip/<name>.sls``, so that ``state.apply mip.<name>`` works; reactors are
``salt://mip/reactor/<name>.sls``. Nothing is copied, and an upgrade of the package on the pusher is
an upgrade of its SLS. ``salt-run mip.setup`` switches it on:

.. code-block:: yaml

    fileserver_backend:
      - roots
      - mip

A backend earlier in the list wins, so a file of the same path in ``file_roots`` takes the place of
the one that is served here. The files are in the environment ``base`` only.
"""

import os
from pathlib import Path

import salt.fileserver
import salt.utils.gzip_util
import salt.utils.hashutils

from saltext_mip.bridge import sls

__virtualname__ = "mip"

# prefixes of paths and the folders behind them; the first that matches counts
SERVED = (("mip/reactor/", "reactor"), ("mip/", "states/mip"))


def __virtual__():
    if not sls.root().is_dir():
        return False, f"the package's SLS files were not found: {sls.root()}"
    return __virtualname__


def envs():
    """
    The environments in which there are files: ``base``.

    CLI Example:

    .. code-block:: bash

        salt-run fileserver.envs backend=mip
    """
    return ["base"]


def find_file(path, saltenv="base", **_):
    """
    The file of that path, or an empty one where there is none.

    path
        Relative, below ``salt://``

    saltenv
        The environment
    """
    found = _file(path) if saltenv == "base" else None
    if found is None:
        return {"path": "", "rel": ""}
    return {"path": str(found), "rel": path, "stat": list(found.stat())}


def serve_file(load, fnd):
    """
    A chunk of a file, from the position that ``load`` names.
    """
    found = _file(fnd["rel"]) if load.get("saltenv") == "base" else None
    if found is None:
        return {"data": "", "dest": ""}
    with found.open("rb") as stream:
        stream.seek(load["loc"])
        data = stream.read(__opts__["file_buffer_size"])
    out = {"dest": fnd["rel"]}
    if data and (level := load.get("gzip")):
        data = salt.utils.gzip_util.compress(data, level)
        out["gzip"] = level
    return {**out, "data": data}


def file_hash(load, fnd):
    """
    The digest of a file, by the master's ``hash_type``.
    """
    found = _file(fnd["rel"]) if load.get("saltenv") == "base" else None
    if found is None:
        return ""
    kind = __opts__["hash_type"]
    return {"hash_type": kind, "hsum": salt.utils.hashutils.get_hash(str(found), kind)}


def file_list(load):
    """
    The paths of all files.

    CLI Example:

    .. code-block:: bash

        salt-run fileserver.file_list backend=mip
    """
    return _listed(load)


def dir_list(load):
    """
    The paths of all folders that files are in.

    CLI Example:

    .. code-block:: bash

        salt-run fileserver.dir_list backend=mip
    """
    return sorted({str(parent) for path in _listed(load) for parent in Path(path).parents} - {"."})


def _listed(load):
    if load.get("saltenv") != "base":
        return []
    paths = []
    for prefix, folder in SERVED:
        home = sls.root() / folder
        found = (prefix + str(path.relative_to(home)) for path in home.rglob("*"))
        paths += [path for path in found if path not in paths and _file(path)]
    return sorted(paths)


def _file(path):
    """The file that is served as ``path``; none where it, or what it links to, is outside."""
    prefix, folder = next((pair for pair in SERVED if path.startswith(pair[0])), ("", ""))
    if not prefix or "\0" in path:
        return None
    home = os.path.realpath(sls.root() / folder)
    real = Path(os.path.realpath(Path(home) / path[len(prefix) :]))
    if Path(home) not in real.parents or not real.is_file():
        return None
    hidden = any(part.startswith((".", "__")) for part in real.relative_to(home).parts)
    if hidden or salt.fileserver.is_file_ignored(__opts__, str(real)):
        return None
    return real
