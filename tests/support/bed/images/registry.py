"""A registry on the pusher, the mirror of all: real names pull, a missing image is missing.

What it serves is made once and kept in the cache, each layer and the whole under a key of
what they are made of.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from tests.support.bed.images import debs, layers, parts
from tests.support.bed.layout import REGISTRY_PORT, cache_folder

FORMAT = 2  # of what is kept; another number makes all anew

INSIDE = "/opt/bed-registry"
CONFIG = f"""\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {INSIDE}/storage}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: ":{REGISTRY_PORT}"}}
"""

# what an operator's nodes have pulled before: a deployment starts with warm images
WARM = {
    "pusher": (),
    "master": ("bitnami/consul:1.8.3", "hbpmip/exareme:24.3.0"),
    "worker": ("hbpmip/exareme:24.3.0",),
    "ui": (
        "postgres:11.3-alpine",
        "hbpmip/create-databases:1.1.0",
        "hbpmip/portal-frontend:8.0.2",
    ),
}


@dataclass(frozen=True)
class Registry:
    """A folder that a docker-registry serves."""

    folder: Path

    @property
    def service(self) -> dict[str, object]:
        return {
            "name": "registry",
            "argv": [f"{INSIDE}/docker-registry", "serve", f"{INSIDE}/config.yml"],
        }

    @property
    def binds(self) -> list[tuple[str, str]]:
        return [(str(self.folder), INSIDE)]


def pull(client: docker.DockerClient, role: str) -> None:
    """Pulls what a node of this role runs."""
    for name in WARM[role]:
        repository, _, tag = name.partition(":")
        client.images.pull(repository, tag=tag)


def prepared(say: Callable[[str], None]) -> Registry:
    """The registry's folder in the cache, made where it is not there yet."""
    cache = cache_folder()
    wanted = parts.all_parts()
    folder = cache / f"registry-{_key([_facts(part) for part in wanted])}"
    with _only_one(cache):
        if not folder.exists():
            say("making images; the next bed finds them in the cache")
            for work in cache.glob("new-*"):  # of one that was killed
                shutil.rmtree(work)
            with tempfile.TemporaryDirectory(dir=cache, prefix="new-") as name:
                new = Path(name) / "registry"
                _make(new, wanted, cache / "layers", say)
                new.rename(folder)
    return Registry(folder)


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _release() -> str:
    release = platform.freedesktop_os_release()
    return f"{release.get('ID')}-{release.get('VERSION_ID')}-{platform.machine()}"


def _key(value: object) -> str:
    text = json.dumps([FORMAT, _release(), value], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _facts(part: parts.Part) -> list[object]:
    return [
        part.images,
        part.packages,
        part.entrypoint,
        part.command,
        part.archive and part.archive.line,
        _file_facts(part.files),
        parts.BASE,
        _file_facts(parts.BASE_FILES),
    ]


def _file_facts(files: Mapping[str, tuple[int, bytes | None]]) -> list[object]:
    return [
        [name, mode, content and hashlib.sha256(content).hexdigest()]
        for name, (mode, content) in sorted(files.items())
    ]


class _Layers:
    """Layers, each made once for all images and kept in the cache."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say
        self.base_packages: Sequence[str] | None = None

    def of_base(self) -> layers.Layer:
        return self._packages("base", parts.BASE, None)

    def of_packages(self, part: parts.Part) -> layers.Layer:
        return self._packages(part.name, part.packages, part.archive)

    def of_files(self, files: Mapping[str, tuple[int, bytes | None]]) -> layers.Layer:
        target = self.folder / f"files-{_key(_file_facts(files))}.tar.gz"
        return layers.Layer.load(target) or layers.pack_files(files, target)

    def _packages(
        self, name: str, packages: Sequence[str], archive: debs.Archive | None
    ) -> layers.Layer:
        facts = [packages, archive and archive.line, debs.NEEDLESS, layers.LEFT_OUT]
        target = self.folder / f"{'-'.join(packages)[:40]}-{_key(facts)}.tar.gz"
        if (layer := layers.Layer.load(target)) is not None:
            return layer
        self.say(f"unpacking Debian's packages for {name}")
        with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix="new-") as work:
            tree = Path(work) / "tree"
            wanted = packages
            if archive is None:
                below = set() if packages is parts.BASE else set(debs.closure(parts.BASE))
                wanted = [name for name in debs.closure(packages) if name not in below]
            debs.unpack(wanted, tree, Path(work) / "apt", archive)
            return layers.pack_tree(tree, target)


def _make(
    folder: Path, wanted: Sequence[parts.Part], kept: Path, say: Callable[[str], None]
) -> None:
    storage = layers.Storage(folder / "storage")
    made = _Layers(kept, say)
    base = (made.of_base(), made.of_files(parts.BASE_FILES))
    for part in wanted:
        below = (*base, made.of_packages(part), made.of_files(part.files))
        for name, environment in part.images.items():
            path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            config = {
                "Env": [path, *(f"{key}={value}" for key, value in environment.items())],
                "Entrypoint": list(part.entrypoint),
                "Cmd": list(part.command) or None,
                "WorkingDir": "/opt/stand-in" if part.name == "exareme" else "/",
                "Labels": {parts.STAND_IN: part.stand_in},
            }
            storage.add(layers.Image((name,), below, config), parts.architecture())
    (folder / "config.yml").write_text(CONFIG)
    _fetch_registry(folder)


def _fetch_registry(folder: Path) -> None:
    work = folder / "apt"
    debs.unpack(["docker-registry"], work / "tree", work / "work")
    shutil.copy2(work / "tree/usr/bin/docker-registry", folder / "docker-registry")
    shutil.rmtree(work)
