"""The data catalogue's client: the latest CDE of each pathology, as far as it has one.

Whatever the catalogue answers that is no CDE means that it has none; so says its protocol, and the
reason is kept for the person who asked for it. Only a catalogue that cannot be reached, or takes
too long, is an error: there is no answer, then. What is asked for is one deadline for all
pathologies. The threads that ask keep to it, but for the system's resolver: one that is late in it
is left behind.
"""

from __future__ import annotations

import ipaddress
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from saltext_mip import http
from saltext_mip.data.cde import strict_json
from saltext_mip.errors import DataError, Misuse
from saltext_mip.text import shown

PORT = 8086
MAX_SIZE = 64 * 1024 * 1024
MAX_REDIRECTS = 3
AT_ONCE = 8

_HEADERS = {"Content-Type": "application/json", "X-Requested-With": "XMLHttpRequest"}
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")


class CatalogueError(DataError):
    """The data catalogue at {url} cannot be read: {message}. Try without online_cdes."""

    permanent = False


class CatalogueAddress(Misuse):
    """The data catalogue's {key} {value} is invalid: {message}."""


@dataclass(frozen=True)
class Answer:
    """The bytes of a CDE, or the reason why there is none."""

    content: bytes | None = field(default=None, repr=False)
    reason: str | None = None


class Catalogue:
    """One data catalogue.

    protocol
        ``http`` or ``https``
    host
        a name or address, with a port or without (8086 then)
    timeout
        seconds for everything that is asked at once
    max_size
        bytes of one answer; a larger one is none

    Raises :class:`CatalogueAddress`.
    """

    def __init__(
        self,
        protocol: str,
        host: str,
        timeout: float = 30.0,
        *,
        max_size: int = MAX_SIZE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if protocol not in ("http", "https"):
            value = shown(str(protocol))
            raise CatalogueAddress("use http or https", key="protocol", value=value)
        found = _HOST.fullmatch(str(host))
        if found is None or int(found.group(1) or PORT) > 65535 or not _is_host(str(host)):
            message = "it must be a name or address, with or without a port"
            raise CatalogueAddress(message, key="host", value=shown(str(host)))
        self.url = f"{protocol}://{host}" + ("" if found.group(1) else f":{PORT}")
        self.timeout = timeout
        self.max_size = max_size
        self._clock = clock

    def cde(self, pathology: str) -> bytes | None:
        """The latest CDE of a pathology; None where the catalogue has none.

        Raises :class:`CatalogueError`.
        """
        return self.cdes([pathology])[pathology].content

    def cdes(self, pathologies: Iterable[str]) -> Mapping[str, Answer]:
        """What it answers for each of them, asked at once.

        Raises :class:`CatalogueError` if one of them cannot be asked, or not in time.
        """
        names = tuple(dict.fromkeys(pathologies))
        deadline = self._clock() + self.timeout
        waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[str, Answer | Exception]] = queue.SimpleQueue()
        for name in names:
            waiting.put(name)
        for _ in range(min(AT_ONCE, len(names))):
            threading.Thread(target=self._work, args=(waiting, done, deadline), daemon=True).start()
        answers: dict[str, Answer] = {}
        while len(answers) < len(names):
            try:
                name, answer = done.get(timeout=max(0.0, deadline - self._clock()))
            except queue.Empty:
                raise self._late() from None
            if isinstance(answer, Exception):
                raise answer
            answers[name] = answer
        return {name: answers[name] for name in names}

    def _work(
        self,
        waiting: queue.SimpleQueue[str],
        done: queue.SimpleQueue[tuple[str, Answer | Exception]],
        deadline: float,
    ) -> None:
        while self._clock() < deadline:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((name, self._ask(name, deadline)))
            except Exception as error:  # noqa: BLE001  raised again where it is waited for
                done.put((name, error))

    def _ask(self, pathology: str, deadline: float) -> Answer:
        path = f"/pathology/allPathologies/{quote(pathology, safe='')}/latest_cde_version"
        url = self.url + path
        left = max(0.1, deadline - self._clock())
        try:
            with http.Session(
                timeout=left, max_size=self.max_size, redirects=MAX_REDIRECTS
            ) as session:
                response = session.get(url, headers=_HEADERS)
        except http.RedirectRefused as error:
            return Answer(reason=f"its response is a redirect {error}")
        except http.TooLarge as error:
            return Answer(reason=str(error))
        except requests.Timeout:
            raise self._late() from None
        except requests.RequestException as error:
            raise CatalogueError(_cause(error), url=self.url) from None
        if response.status_code != 200:
            return Answer(reason=f"it returns {response.status_code}")
        return _taken(response.content)

    def _late(self) -> CatalogueError:
        return CatalogueError(f"no complete response within {self.timeout:g} s", url=self.url)


def _is_host(host: str) -> bool:
    """Whether what has the letters of a name or address can be one."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if host.startswith("["):
            ipaddress.IPv6Address(name)
    except ValueError:
        return False
    return all(0 < len(label) < 64 for label in name.removesuffix(".").split("."))


def _taken(content: bytes) -> Answer:
    """The CDE in an answer: the answer itself, or the string in its ``jsonString``."""
    if strict_json.is_too_much(content):
        return Answer(reason="its response has too many values")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return Answer(reason="its response is not JSON")
    if not isinstance(value, dict):
        return Answer(reason="its response is not a JSON object")
    if "jsonString" in value:
        return _from_string(value["jsonString"])
    if "variables" in value or "groups" in value:
        return Answer(content)
    return Answer(reason="its response is not a CDE")


def _from_string(value: Any) -> Answer:
    if value is None:
        return Answer(reason="it has the pathology, but no CDE for it")
    if not isinstance(value, str) or not value.strip():
        return Answer(reason="its jsonString is not a CDE")
    return Answer(value.encode("utf-8", "surrogatepass"))


def _cause(error: BaseException) -> str:
    """The innermost reason: what wraps it says the same again with addresses of objects."""
    seen = []
    while error not in seen:
        seen.append(error)
        inner = error.__cause__ or error.__context__
        if inner is None:
            break
        error = inner
    return shown(str(error).rstrip(".")) or type(error).__name__
