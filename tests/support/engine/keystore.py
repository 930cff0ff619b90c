"""The keystore: consul's key/value store over HTTP."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from urllib.parse import quote

from .clock import LOOK, Clock
from .service import log


class Keystore:
    """The keys at `address`, which is CONSULURL: host:port, with or without http://."""

    def __init__(self, address: str) -> None:
        self.base = address if "://" in address else f"http://{address}"

    def _url(self, key: str, question: str = "") -> str:
        return f"{self.base}/v1/kv/{quote(key, safe='/')}{question}"

    def wait(self, clock: Clock) -> None:
        """Back once it answers, however long that takes."""
        said = False
        while True:
            try:
                self.below("master/")
            except OSError as error:
                if not said:
                    log(f"waiting for the keystore at {self.base}: {error}")
                    said = True
                clock.wait(LOOK)
            else:
                return

    def put(self, key: str, value: str) -> None:
        """Sets a key; OSError where that fails."""
        request = urllib.request.Request(self._url(key), data=value.encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=3) as answer:
            if answer.read().strip() != b"true":
                raise OSError(f"{key} was not written")

    def below(self, prefix: str) -> dict[str, str]:
        """All keys below `prefix` and their values; empty while there are none.

        Raises OSError while the keystore does not answer.
        """
        try:
            with urllib.request.urlopen(self._url(prefix, "?recurse"), timeout=3) as answer:
                entries = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise
        except ValueError as error:
            raise OSError(f"{self.base} answers no JSON") from error
        return {entry["Key"]: base64.b64decode(entry["Value"] or "").decode() for entry in entries}
