"""One Keycloak server, as the administration account of one realm sees it.

Over ``python-keycloak``: it finds where the server answers (with or without ``/auth``), logs in,
repeats what failed for a moment and turns every failure into this project's errors. Repeating is
safe for all that is asked here: what is made twice is a :class:`Conflict`, what is taken away twice
is :class:`Gone`, and to give or take what was given or taken changes nothing. No message of its
holds a secret.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import (
    KeycloakError,
    KeycloakGetError,
    raise_error_from_response,
)

from saltext_mip import http
from saltext_mip.keycloak.errors import (
    AccessError,
    ChangedMeanwhile,
    Conflict,
    Gone,
    KeycloakAway,
    KeycloakFailed,
    LoginRefused,
    NoRealm,
    NotAllowed,
    NotTrusted,
    Redirected,
    TokenRefused,
    Unexpected,
)
from saltext_mip.keycloak.settings import Settings, addresses
from saltext_mip.text import shown

T = TypeVar("T")

# seconds between the attempts at one request
PAUSES = (0.5, 2.0)
# a server that is slow with each of hundreds of answers ends the run, which the next continues
LONGEST = 600.0  # seconds for everything that one connection asks
MAX_SIZE = 32 << 20  # bytes of one answer
_TEMPORARY = {408, 425, 429}
_LONGEST_MESSAGE = 300


class Keycloak:
    """A connection, to be closed by :meth:`close`; ``with`` does it.

    ``sleep`` waits between attempts. ``writes`` counts the requests that asked for a change.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._end = clock() + LONGEST
        self.writes = 0
        self._sleep = sleep
        self._where = settings.server_url
        if settings.ca_file is not None and not settings.ca_file.is_file():
            raise NotTrusted(f"file {settings.ca_file} not found", server=self._where)
        self._connection = self._repeat(self._connect)
        self._admin = KeycloakAdmin(connection=self._connection)

    def __enter__(self) -> Keycloak:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def ask(self, question: Callable[[KeycloakAdmin], T]) -> T:
        """What ``question`` finds out; it must change nothing."""
        return self._repeat(lambda: question(self._admin))

    def make(self, deed: Callable[[KeycloakAdmin], T]) -> T:
        """Create one thing; :class:`Conflict` where it exists."""
        return self._write(deed, Conflict)

    def change(self, deed: Callable[[KeycloakAdmin], T]) -> T:
        """Do one thing that may be done twice; a conflict is with a concurrent change."""
        return self._write(deed, ChangedMeanwhile)

    def _write(self, deed: Callable[[KeycloakAdmin], T], conflict: type[AccessError]) -> T:
        def counted() -> T:
            self.writes += 1
            return deed(self._admin)

        return self._repeat(counted, conflict)

    def get(self, path: str, **query: Any) -> Any:
        """The answer to ``path`` below the realm's administration."""
        return self.ask(lambda _: self._raw("get", path, None, query))

    def send(self, method: str, path: str, body: Sequence[Mapping[str, Any]] | None = None) -> None:
        """A change that ``python-keycloak`` has no name for: ``method`` is post, put or delete."""
        self.change(lambda _: self._raw(method, path, body, {}))

    def _raw(self, method: str, path: str, body: Any, query: Mapping[str, Any]) -> Any:
        request = getattr(self._connection, f"raw_{method}")
        place = f"admin/realms/{self._connection.realm_name}/{path}"
        if method == "get":
            response = request(place, **query)
        else:
            response = request(place, data=json.dumps(body))
        return raise_error_from_response(response, KeycloakGetError, [200, 201, 204])

    def _repeat(self, deed: Callable[[], T], conflict: type[AccessError] = ChangedMeanwhile) -> T:
        for pause in (*PAUSES, None):
            if self._clock() >= self._end:
                raise KeycloakAway(f"not done within {LONGEST:g} s", server=self._where)
            try:
                return deed()
            except (AccessError, KeycloakError, requests.RequestException, OSError) as error:
                shaped = self._shape(error, conflict)
                if shaped.permanent or pause is None:
                    raise shaped from error
                self._sleep(pause)
        raise AssertionError  # the last attempt returns or raises

    def _connect(self) -> _Connection:
        connection = _Connection(self.settings)
        try:
            self._where = connection.find()
        except BaseException:
            connection.close()
            raise
        return connection

    def _shape(self, error: Exception, conflict: type[AccessError]) -> AccessError:
        if isinstance(error, AccessError):
            error.facts.setdefault("server", self._where)
            return error
        facts: dict[str, Any] = {"server": self._where, "account": self.settings.account}
        cause = error.__cause__ if isinstance(error, KeycloakError) and error.__cause__ else error
        status = getattr(error, "response_code", None)
        if isinstance(cause, requests.exceptions.SSLError):
            return NotTrusted(_reason(cause), **facts)
        if isinstance(cause, requests.exceptions.TooManyRedirects):
            return Redirected(_target(cause), **facts)
        if isinstance(cause, http.TooLarge | requests.exceptions.ContentDecodingError):
            return Unexpected(str(cause), **facts)
        if status is None:
            return KeycloakAway(_reason(cause), **facts)
        message = f"{status} {_message(getattr(error, 'response_body', None))}".strip()
        by_status: dict[int, type[AccessError]] = {
            401: LoginRefused,
            403: NotAllowed,
            404: Gone,
            409: conflict,
        }
        if status == 401 and (why := self._connection.why_refused()):
            return TokenRefused(f"{message}. {why}", status=status, **facts)
        if kind := by_status.get(status):
            return kind(message, status=status, **facts)
        if status >= 500 or status in _TEMPORARY:
            return KeycloakFailed(message, status=status, **facts)
        return Unexpected(message, status=status, **facts)


class _Connection(KeycloakOpenIDConnection):
    """``python-keycloak``'s connection, which logs in where that would refresh a session.

    Its session follows no redirect (a login must not be sent on to wherever an answer points) and
    does not repeat requests by itself.
    """

    def __init__(self, settings: Settings) -> None:
        verify: bool | str = str(settings.ca_file) if settings.ca_file else True
        super().__init__(
            server_url=settings.server_url + "/",
            grant_type="password" if settings.username is not None else "client_credentials",
            realm_name=quote(settings.realm, safe=""),
            client_id=settings.admin_client,
            verify=verify,
            timeout=settings.timeout,  # type: ignore[arg-type] # requests takes a pair
            max_retries=0,
        )
        self._s.close()
        self._s = http.Session(timeout=settings.timeout, max_size=MAX_SIZE)
        self._settings = settings
        self._account_realms = list(dict.fromkeys((self.realm_name, "master")))

    def close(self) -> None:
        self._s.close()

    def why_refused(self) -> str:
        """Why the server refuses the token in use; empty where there was no login yet.

        A server with several addresses accepts only tokens of the issuer that it has for the
        address that is asked.
        """
        if not isinstance(self.token, dict):
            return ""
        expected = f"{self.base_url}realms/{self._account_realms[0]}"
        issuer = _issuer(self.token.get("access_token"))
        if issuer in (None, expected):
            return "See its log."
        return (
            f"The token's issuer is {issuer}, not {expected}. Set keycloak:server_url to the "
            "address that Keycloak uses for itself, or check its hostname and proxy settings."
        )

    def find(self) -> str:
        """Settle where the server answers, which is returned."""
        redirects, last = [], 404
        for base in addresses(self._settings.server_url):
            url = f"{base}realms/{self.realm_name}"
            try:
                response = self._s.get(url, timeout=self.timeout, verify=self.verify)
            except requests.exceptions.TooManyRedirects as error:
                redirects.append(_target(error))
                continue
            if response.status_code == 200:
                self.base_url = base
                return base.rstrip("/")
            if response.status_code >= 500 or response.status_code in _TEMPORARY:
                raise KeycloakFailed(f"{response.status_code}", status=response.status_code)
            last = response.status_code
        if redirects:
            raise Redirected(redirects[0])
        if last in (401, 403):
            raise Unexpected(f"{last} for the public address of the realm", status=last)
        raise NoRealm(realm=self._settings.realm)

    def get_token(self) -> None:
        """Log in: the account is one of the realm itself, or one of the realm ``master``."""
        settings = self._settings
        form = {"grant_type": self.grant_type, "client_id": settings.admin_client}
        if settings.admin_secret is not None:
            form["client_secret"] = settings.admin_secret.reveal()
        if settings.username is not None and settings.password is not None:
            form |= {"username": settings.username, "password": settings.password.reveal()}
        refusals = []
        for realm in self._account_realms:
            response = self._s.post(
                f"{self.base_url}realms/{realm}/protocol/openid-connect/token",
                data=form,
                timeout=self.timeout,
                verify=self.verify,
            )
            if response.status_code == 200:
                self.token = response.json()
                self._account_realms = [realm]
                return
            if response.status_code >= 500 or response.status_code in _TEMPORARY:
                raise KeycloakFailed(
                    f"{response.status_code} at the login", status=response.status_code
                )
            refusals.append(f"{response.status_code} {_message(response.content)}".strip())
        raise LoginRefused(refusals[0], account=settings.account, status=401)

    def refresh_token(self) -> None:
        self.get_token()


def _issuer(token: Any) -> str | None:
    """Who issued an access token, as it says itself; ``None`` where it has another form."""
    try:
        _, body, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return shown(str(claims["iss"]), _LONGEST_MESSAGE)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def _message(body: bytes | None) -> str:
    """The error message in the body of a response."""
    try:
        value = json.loads(body or b"")
    except ValueError:
        return ""
    if not isinstance(value, dict):
        return ""
    parts = [value.get(key) for key in ("error", "errorMessage", "error_description", "message")]
    text = ": ".join(part for part in parts if isinstance(part, str))
    return shown(text, _LONGEST_MESSAGE)


def _reason(error: BaseException) -> str:
    """The innermost cause, without what libraries put around it."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "the connection timed out"
    if isinstance(error, requests.exceptions.Timeout):
        return "the response timed out"
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        inner = getattr(inner, "reason", None) or inner.__cause__ or inner.__context__
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
    if isinstance(error, OSError) and error.strerror:
        return shown(error.strerror)
    return shown(str(error.args[-1] if error.args else error), _LONGEST_MESSAGE)


def _target(error: requests.exceptions.TooManyRedirects) -> str:
    """Where a redirect would have led, without what its query may hold."""
    location = error.response.headers.get("Location", "") if error.response is not None else ""
    parts = urlsplit(location)
    return shown(f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else parts.path)
