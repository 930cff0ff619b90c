"""The keystore: consul's key/value store over HTTP."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from urllib.parse import quote

from .service import log


class Keystore:
    """The keys at `address`, which is CONSULURL: host:port, with or without http://."""

    def __init__(self, address: str) -> None:
        self.base = address if "://" in address else f"http://{address}"

    def _url(self, key: str, question: str = "") -> str:
        return f"{self.base}/v1/kv/{quote(key, safe='/')}{question}"

    def put(self, key: str, value: object) -> None:
        """Sets a key to a JSON value; waits for as long as the keystore takes to come up."""
        body = json.dumps(value, ensure_ascii=False).encode()
        waiting = False
        while True:
            request = urllib.request.Request(self._url(key), data=body, method="PUT")
            try:
                with urllib.request.urlopen(request, timeout=3) as answer:
                    if answer.read().strip() == b"true":
                        return
            except OSError as error:
                if not waiting:
                    log(f"waiting for the keystore at {self.base}: {error}")
                    waiting = True
            time.sleep(0.5)

    def below(self, prefix: str) -> dict[str, object]:
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
        return {
            entry["Key"]: json.loads(base64.b64decode(entry["Value"]))
            for entry in entries
            if entry["Value"]
        }
