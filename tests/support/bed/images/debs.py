"""Debian packages, unpacked: fetched by apt with nothing of the machine's own state touched."""

from __future__ import annotations

import fnmatch
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# What a package wants for its installation by dpkg, and what no container of ours runs.
NEEDLESS = (
    *("perl*", "libperl*", "lib*-perl", "libgdbm*", "debconf", "dpkg", "ucf", "usrmerge"),
    *("init-system-helpers", "adduser", "passwd", "libpam-modules*", "libsemanage*"),
    *("libsepol*", "sysvinit-utils", "lsb-base", "sensible-utils", "openssl", "ssl-cert"),
    *("libllvm*", "libz3-*", "locales", "libc-l10n", "postgresql-common"),
    *("postgresql-client-common", "iproute2", "libbpf*", "libnginx-mod-*", "readline-common"),
)


@dataclass(frozen=True)
class Archive:
    """A Debian archive beside the machine's own, for a program that a release no longer has."""

    line: str

    def options(self, folder: Path) -> list[str]:
        """apt's options that make it look here alone; the lists are private, in `folder`."""
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        sources = folder / "sources.list"
        sources.write_text(self.line + "\n")
        settings = {
            "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "/dev/null",
        }
        return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


# consul left Debian after bullseye
BULLSEYE = Archive(
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    " http://deb.debian.org/debian bullseye main"
)


def _apt(*arguments: str, folder: Path | None = None) -> str:
    result = subprocess.run(
        ["apt-get", *arguments],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
    )
    if result.returncode:
        raise RuntimeError(f"apt-get {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def closure(packages: Sequence[str]) -> list[str]:
    """`packages` and all they need to run, as if nothing were installed yet."""
    printed = _apt(
        *("install", "--print-uris", "-y", "--no-install-recommends"),
        *("-o", "Dir::State::status=/dev/null", *packages),
    )
    # 'http://…/name_version_arch.deb' name_version_arch.deb size hash
    names = [line.split()[1].split("_")[0] for line in printed.splitlines() if line[:1] == "'"]
    return [
        name
        for name in names
        if name in packages or not any(fnmatch.fnmatch(name, shape) for shape in NEEDLESS)
    ]


def unpack(packages: Sequence[str], tree: Path, work: Path, archive: Archive | None = None) -> None:
    """Fetches the packages (no dependencies) and unpacks them over `tree`."""
    work.mkdir(parents=True, exist_ok=True)
    options = []
    if archive is not None:
        options = archive.options(work)
        _apt(*options, "update")
    debs = work / "debs"
    debs.mkdir()
    _apt(*options, "-o", "APT::Sandbox::User=root", "download", *packages, folder=debs)
    _merged_folders(tree)
    for deb in sorted(debs.glob("*.deb")):
        _unpack_one(deb, tree)


def _unpack_one(deb: Path, tree: Path) -> None:
    """As dpkg -x does, but through the links of merged folders, not in their place."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as tar:
        subprocess.run(
            ["tar", "-x", "--keep-directory-symlink", "-C", str(tree)],
            stdin=tar.stdout,
            check=True,
        )
    if tar.returncode:
        raise RuntimeError(f"dpkg-deb cannot read {deb.name}")


def _merged_folders(tree: Path) -> None:
    """/bin and its like are links into /usr, as in every Debian of today."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (tree / name).is_symlink():
            (tree / name).symlink_to(f"usr/{name}")
