"""Layers and images as a registry stores them, made without any engine.

The same content gives the same digests: no times, sorted names. The storage is the one of
docker-registry's `filesystem` driver.
"""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LEFT_OUT = (
    *("usr/share/doc/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*"),
    *("usr/share/lintian/*", "usr/share/bug/*", "usr/share/i18n/*", "usr/include/*"),
    *("usr/lib/postgresql/*/lib/bitcode/*", "usr/lib/postgresql/*/lib/llvmjit*"),
    *("usr/lib/postgresql/*/lib/pgxs/*", "*/__pycache__/*", "etc/cron*", "etc/init.d/*"),
)


@dataclass(frozen=True)
class Layer:
    """A layer's packed file; `diff_id` is the digest of what is in it."""

    path: Path
    digest: str
    diff_id: str

    def save(self) -> None:
        facts = {"digest": self.digest, "diff_id": self.diff_id}
        self.path.with_suffix(".json").write_text(json.dumps(facts))

    @classmethod
    def load(cls, path: Path) -> Layer | None:
        facts = path.with_suffix(".json")
        return cls(path, **json.loads(facts.read_text())) if facts.exists() else None


@dataclass(frozen=True)
class Image:
    """What a container of it runs, on which layers."""

    names: tuple[str, ...]  # repository:tag
    layers: tuple[Layer, ...]
    config: Mapping[str, object] = field(default_factory=dict)


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def pack_tree(tree: Path, target: Path) -> Layer:
    """Packs a folder, but for what no container reads (documentation, caches)."""

    def add(tar: tarfile.TarFile) -> None:
        for path in sorted(tree.rglob("*")):
            name = str(path.relative_to(tree))
            if any(fnmatch.fnmatch(name, shape) for shape in LEFT_OUT):
                continue
            kind = stat.S_IFMT(path.lstat().st_mode)
            if kind not in (stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK):
                continue
            info = tar.gettarinfo(str(path), arcname=name)
            if info.islnk():
                # a hard link may point to a name that was left out
                info.type, info.linkname = tarfile.REGTYPE, ""
                info.size = path.stat().st_size
            info.mtime = 0
            info.uname = info.gname = ""
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)

    return _pack(add, target)


def pack_files(files: Mapping[str, tuple[int, bytes | None]], target: Path) -> Layer:
    """Packs {path: (mode, content)}; a content of None is a folder."""

    def add(tar: tarfile.TarFile) -> None:
        for name, (mode, content) in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.mode = mode
            if content is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))

    return _pack(add, target)


class _Digester(io.RawIOBase):
    """Passes bytes on and keeps their digest."""

    def __init__(self, target: gzip.GzipFile) -> None:
        self.target = target
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        self.hash.update(content)
        return self.target.write(content)


def _pack(add, target: Path) -> Layer:
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(target.name + ".new")
    with (
        new.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
    ):
        digester = _Digester(packed)
        with tarfile.open(fileobj=digester, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            add(tar)
    with new.open("rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    new.replace(target)
    layer = Layer(target, digest, "sha256:" + digester.hash.hexdigest())
    layer.save()
    return layer


class Storage:
    """A registry's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root / "docker/registry/v2"

    def add(self, image: Image, architecture: str) -> None:
        """Stores the image under all its names."""
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "created": "1970-01-01T00:00:00Z",
                "config": image.config,
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [layer.diff_id for layer in image.layers],
                },
                "history": [{"created": "1970-01-01T00:00:00Z"} for _ in image.layers],
            }
        ).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": len(config),
                    "digest": _digest(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "size": layer.path.stat().st_size,
                        "digest": layer.digest,
                    }
                    for layer in image.layers
                ],
            }
        ).encode()
        self._blob(config)
        self._blob(manifest)
        for layer in image.layers:
            self._blob_file(layer)
        blobs = [_digest(config), *(layer.digest for layer in image.layers)]
        for name in image.names:
            self._name(name, _digest(manifest), blobs)

    def _blob_path(self, digest: str) -> Path:
        kind, _, value = digest.partition(":")
        path = self.root / "blobs" / kind / value[:2] / value / "data"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _blob(self, content: bytes) -> None:
        self._blob_path(_digest(content)).write_bytes(content)

    def _blob_file(self, layer: Layer) -> None:
        path = self._blob_path(layer.digest)
        if not path.exists():
            os.link(layer.path, path)

    def _name(self, name: str, manifest: str, blobs: Sequence[str]) -> None:
        repository, _, tag = name.partition(":")
        if "/" not in repository:
            repository = f"library/{repository}"
        folder = self.root / "repositories" / repository
        manifests = folder / "_manifests"
        links = {
            manifests / "revisions" / manifest.replace(":", "/"): manifest,
            manifests / "tags" / tag / "current": manifest,
            manifests / "tags" / tag / "index" / manifest.replace(":", "/"): manifest,
        }
        links |= {folder / "_layers" / blob.replace(":", "/"): blob for blob in blobs}
        for place, digest in links.items():
            place.mkdir(parents=True, exist_ok=True)
            (place / "link").write_text(digest)
