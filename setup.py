"""Puts the SLS files at the top of the tree into the wheel; all else stands in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
FOLDERS = ("states", "reactor", "pillar")  # as saltext_mip.bridge.sls names them


class BuildWithSls(build_py):
    """A build has them in ``saltext_mip/_sls``; an editable install uses them where they are."""

    def run(self) -> None:
        super().run()
        for source, target in self._carried():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        outputs: list[str] = super().get_outputs(include_bytecode)
        return outputs + [str(target) for _, target in self._carried()]

    def _carried(self) -> list[tuple[Path, Path]]:
        if self.editable_mode:
            return []
        package = Path(self.build_lib) / "saltext_mip" / "_sls"
        return [
            (path, package / path.relative_to(HERE))
            for folder in FOLDERS
            for kind in ("*.sls", "*.jinja", "*.conf")
            for path in sorted((HERE / folder).rglob(kind))
        ]


setup(cmdclass={"build_py": BuildWithSls})
