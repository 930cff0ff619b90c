"""Outgoing HTTP requests: one session type, whose every exchange is limited in time and size.

A server that answers slowly, without end, or with a compressed body that inflates to gigabytes
costs no more than the limits. Redirects are errors, TLS certificates are always verified.

The timeouts of ``requests`` are for one read each, so that a byte now and then keeps an exchange
alive. Here each read gets the time that is left of the whole exchange, and counts against its bytes
before anything decodes them: of the headers, of the body, of a proxy's answer.
"""

from __future__ import annotations

import io
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

HEADERS = 256 << 10  # bytes of headers, and of all else that is not the body

_CHUNK = 64 << 10
_GZIP = 16 + zlib.MAX_WBITS
_PORTS = {"http": 80, "https": 443}


class DeadlineExceeded(requests.Timeout):
    """There was no whole answer in time."""


class TooLarge(requests.RequestException):
    """The answer is larger than the limit; the rest was not read."""


class RedirectRefused(requests.TooManyRedirects):
    """The answer is a redirect that is not followed; its text completes 'a redirect'."""


class Session(requests.Session):
    """A ``requests`` session for one thread, which raises what ``requests`` does, and the above.

    timeout
        seconds for a whole exchange, from the name's resolution to the last byte of the body,
        redirects included; an argument ``timeout`` of a request replaces it. A pair: also for the
        connection alone. (The system's resolver has limits of its own, and keeps those.)
    max_size
        bytes of a body, compressed and decompressed
    redirects
        how many redirects to the same host a GET follows
    proxies
        whether to use the proxies that the environment names
    """

    def __init__(
        self,
        *,
        timeout: float | tuple[float, float] = 30.0,
        max_size: int,
        redirects: int = 0,
        proxies: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._timeout = timeout
        self._redirects = redirects
        self._exchange = _Exchange(max_size, clock)
        self.trust_env = proxies
        self.auth = _unchanged  # or requests would send what ~/.netrc has for the host
        self.headers["Accept-Encoding"] = "gzip"
        adapter = _Adapter(self._exchange)
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def request(  # type: ignore[override]
        self, method: str, url: str, *args: Any, timeout: Any = None, **options: Any
    ) -> requests.Response:
        self._exchange.begin(self._timeout if timeout is None else timeout)
        options["allow_redirects"] = False
        follow = self._redirects if method.upper() == "GET" else 0
        for _ in range(follow + 1):
            response = super().request(method, url, *args, **options)
            if not response.is_redirect:
                return response
            if follow:
                url = _within_host(url, response)
        raise RedirectRefused("loop" if follow else "that is not followed", response=response)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: ``requests`` would take a redirect's address apart, also where it follows none."""


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _within_host(url: str, response: requests.Response) -> str:
    """Where it redirects to, if that is the same server; it may ask for https instead of http."""
    try:
        target = urljoin(url, response.headers["Location"])
        was, is_ = urlsplit(url), urlsplit(target)
    except ValueError:
        raise RedirectRefused("to an invalid address", response=response) from None
    if not _same_host(was, is_):
        raise RedirectRefused("to another host", response=response)
    return target


def _same_host(was: SplitResult, is_: SplitResult) -> bool:
    if is_.username is not None or was.hostname != is_.hostname:
        return False
    try:
        old, new = was.port or _PORTS[was.scheme], is_.port or _PORTS.get(is_.scheme)
    except ValueError:
        return False
    if (was.scheme, is_.scheme) == ("http", "https"):
        return new in (old, 443)
    return was.scheme == is_.scheme and old == new


class _Stop(Exception):
    """Ends an exchange: it passes through urllib3, which wraps every ``OSError`` in others."""

    def __init__(self, reason: requests.RequestException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Exchange:
    """What is left of the exchange's time and bytes."""

    def __init__(self, max_size: int, clock: Callable[[], float]) -> None:
        self.max_size = max_size
        self._clock = clock
        self._seconds = self._connect = self._end = 0.0
        self._received = 0

    def begin(self, timeout: float | tuple[float, float]) -> None:
        connect, self._seconds = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        self._connect = min(connect, self._seconds)
        self._end = self._clock() + self._seconds
        self._received = 0

    def left(self) -> float:
        """Seconds; an end where there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise self.late()
        return left

    def for_connection(self) -> float:
        """Seconds to connect, those that are left at most."""
        return max(0.001, min(self._connect, self._end - self._clock()))

    def received(self, count: int) -> None:
        self._received += count
        if self._received > self.max_size + HEADERS:
            raise self.too_large()

    def late(self) -> _Stop:
        return _Stop(DeadlineExceeded(f"no complete response within {self._seconds:g} s"))

    def too_large(self) -> _Stop:
        return _Stop(TooLarge(f"the response is larger than {self.max_size} bytes"))


class _Adapter(HTTPAdapter):
    """Sends requests through connections that keep to the exchange's limits."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        self._pools = _pools(exchange)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if proxy.lower().startswith("socks"):  # it connects in a way of its own
            raise requests.exceptions.InvalidProxyURL("a SOCKS proxy cannot be used")
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        if not options.get("verify", True):
            raise ValueError("TLS certificates are always verified")
        try:
            left = self._exchange.left()
            options |= {"stream": True, "timeout": (self._exchange.for_connection(), left)}
            response = super().send(request, **options)
            try:
                _read_body(response, self._exchange)
            except BaseException:
                response.raw.close()
                raise
        except _Stop as stop:
            reason = stop.reason
            reason.request = request
            raise reason from None
        except requests.RequestException:  # some of which are urllib3's, too
            raise
        except ReadTimeoutError as error:
            raise DeadlineExceeded("the response timed out", request=request) from error
        except HTTPError as error:
            raise requests.ConnectionError(error, request=request) from error
        return response


def _read_body(response: requests.Response, exchange: _Exchange) -> None:
    """Read the body, and leave it in the response as ``requests`` does."""
    declared = response.headers.get("Content-Length", "")
    has_body = response.request.method != "HEAD"
    if has_body and declared.isdecimal() and int(declared[:20]) > exchange.max_size:
        raise exchange.too_large()
    raw = response.raw
    chunks = iter(lambda: raw.read(_CHUNK, decode_content=False), b"")
    match response.headers.get("Content-Encoding", "identity").strip().lower():
        case "identity" | "":
            pieces: Iterator[bytes] = chunks
        case "gzip" | "x-gzip":
            pieces = _inflated(chunks)
        case _:
            raise requests.exceptions.ContentDecodingError(
                "the response has a compression that was not requested"
            )
    content, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > exchange.max_size:
            raise exchange.too_large()
        content.append(piece)
    response._content = b"".join(content)
    response._content_consumed = True  # type: ignore[attr-defined]


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What a gzip body holds, a bounded piece at a time."""
    inflater = zlib.decompressobj(_GZIP)
    begun = False
    try:
        for chunk in chunks:
            begun = True
            left = chunk
            while left and not inflater.eof:
                yield inflater.decompress(left, _CHUNK)
                left = inflater.unconsumed_tail
            if inflater.unused_data:
                raise zlib.error("data after its end")
        while begun and not inflater.eof:
            if not (piece := inflater.decompress(b"", _CHUNK)):
                raise zlib.error("cut short")
            yield piece
    except zlib.error as error:
        raise requests.exceptions.ContentDecodingError(
            "the response's compressed body is corrupt"
        ) from error


def _pools(exchange: _Exchange) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """urllib3's pools, with connections that keep to the exchange's limits."""

    class Plain(_Limited, HTTPConnection):
        _exchange = exchange

    class Tls(_Limited, HTTPSConnection):
        _exchange = exchange

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


class _Limited(HTTPConnection):
    """A connection whose socket is read and written within the exchange's limits."""

    _exchange: _Exchange

    def connect(self) -> None:
        super().connect()
        self.sock = self._channel()

    def _tunnel(self) -> None:
        """The answer of a proxy, read from a socket that TLS is put on afterwards."""
        bare = self.sock
        self.sock = self._channel()
        try:
            super()._tunnel()
        finally:
            if self.sock is not None:  # closed
                self.sock = bare

    def _channel(self) -> socket.socket:
        return cast("socket.socket", _Channel(self.sock, self._exchange))

    def _new_conn(self) -> socket.socket:
        """A connection to the first of the host's addresses that takes one: within one deadline,
        where urllib3 has one for each address."""
        exchange = self._exchange
        end = time.monotonic() + exchange.for_connection()
        try:
            found = socket.getaddrinfo(self._dns_host.strip("[]"), self.port, 0, socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError as error:
            raise NewConnectionError(self, f"{self.host} is not a valid host name") from error
        reason: OSError = OSError("the host name has no address")
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(max(0.001, end - time.monotonic()))
                sock.connect(address)
            except OSError as error:
                sock.close()
                reason = error
            else:
                sock.settimeout(exchange.left())
                return sock
        if isinstance(reason, TimeoutError):
            raise ConnectTimeoutError(self, "the connection timed out") from reason
        raise NewConnectionError(self, f"no connection: {reason}") from reason


class _Channel:
    """A socket as ``http.client`` uses it, which each time has what is left of the exchange."""

    def __init__(self, sock: Any, exchange: _Exchange) -> None:
        self._sock = sock
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Receiver(self._sock, self._exchange))

    def sendall(self, data: Any) -> None:
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                self._sock.settimeout(self._exchange.left())
                try:
                    sent += self._sock.send(view[sent : sent + _CHUNK])
                except TimeoutError:
                    raise self._exchange.late() from None


class _Receiver(io.RawIOBase):
    def __init__(self, sock: Any, exchange: _Exchange) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._exchange.left())
        try:
            count: int | None = self._raw.readinto(buffer)
        except TimeoutError:
            raise self._exchange.late() from None
        self._exchange.received(count or 0)
        # what follows a proxy's answer, a TLS handshake, has no more time either
        self._sock.settimeout(self._exchange.left())
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
