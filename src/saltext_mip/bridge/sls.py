"""The SLS files of the package: ``states``, ``reactor``, ``pillar``.

Their source is the folders of these names at the top of the repository. A wheel carries them inside
the package (``setup.py`` copies them); an editable installation uses the repository's.
"""

from __future__ import annotations

from pathlib import Path

FOLDERS = ("states", "reactor", "pillar")


def root() -> Path:
    """The folder that has ``states/``, ``reactor/`` and ``pillar/``."""
    package = Path(__file__).resolve().parent.parent
    carried = package / "_sls"
    return carried if carried.is_dir() else package.parent.parent
