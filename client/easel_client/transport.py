"""Every call of the API goes through here: time-outs, bounded retries, and errors that say what to do.

A call that may be repeated (it changes nothing, or has an Idempotency-Key, which is kept over the tries) is
tried again when no answer came, or one that says so; any other only when it certainly never left.
"""

import json
import math
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from easel_client.errors import KeyRefusedError, RefusedError, ServerError, UnreachableError
from easel_client.refusals import refusal, seconds_of

if TYPE_CHECKING:
    import urllib3

VERSION = "0.1.0"
CONNECT_SECONDS = 5.0
READ_SECONDS = 35.0  # above what API Gateway takes at most, 30 s; and above the longest `wait`
SHORTEST_SECONDS = 0.1  # that a try is given, however little time is left
CONNECTIONS_MAX = 8  # that are kept to one host
TRIES_MAX = 4
PAUSES_SECONDS = 10.0  # between all tries of a call, together
FIRST_PAUSE_SECONDS = 0.25
# Another try may do better. 409 is an Idempotency-Key whose first request is not written down yet.
WORTH_REPEATING = frozenset({409, 429, 500, 502, 503, 504})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `body` goes out as JSON; `data` as it is, with its content type. A dry run is `harmless`: it
    changes nothing though it is a POST."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    content_type: str = "application/json"
    idempotency_key: str | None = None
    harmless: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether doing it twice does no more than doing it once."""
        return self.method == "GET" or self.harmless or self.idempotency_key is not None

    @property
    def target(self) -> str:
        """Path and query; what is None is left out."""
        query = urlencode({name: value for name, value in self.query.items() if value is not None})
        return f"{self.path}?{query}" if query else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: its JSON, and its headers."""

    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def look_again_seconds(self) -> float | None:
        """When Easel wants to be asked again; None where it does not say."""
        return seconds_of(self.headers.get("Retry-After"))


class Transport:
    """Calls of one deployment, with one key."""

    def __init__(self, base_url: str, api_key: str, key_source: str = "") -> None:
        """`key_source` says where the key comes from, to people."""
        self.base_url = base_url
        self._key_source = key_source
        self._key = api_key
        self._pool: urllib3.PoolManager | None = None

    def ask(self, call: Call, within_seconds: float = math.inf) -> Answer:
        """The answer; all tries together take little longer than told. Raises UnreachableError or a
        RefusedError, with the `idempotency_key` where one of the tries may have been accepted."""
        left, pause, unsure = PAUSES_SECONDS, FIRST_PAUSE_SECONDS, False
        ends = time.monotonic() + within_seconds
        for tries_left in reversed(range(TRIES_MAX)):
            try:
                return self._once(call, ends - time.monotonic())
            except (UnreachableError, RefusedError) as error:
                unsure = unsure or _may_be_accepted(error)
                wait = _pause_before_repeating(call, error, pause)
                if wait is None or wait > min(left, ends - time.monotonic()) or not tries_left:
                    error.idempotency_key = call.idempotency_key if unsure else None
                    raise
            time.sleep(wait)
            left, pause = left - wait, pause * 2
        raise AssertionError  # the last try returns or raises

    def _once(self, call: Call, seconds: float) -> Answer:
        headers = {"Authorization": f"Bearer {self._key}", "User-Agent": f"easel-client/{VERSION}"}
        data = call.data
        if call.body is not None:
            data = json.dumps(call.body, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
        if data is not None:
            headers["Content-Type"] = call.content_type
        if call.idempotency_key is not None:
            headers["Idempotency-Key"] = f'"{call.idempotency_key}"'
        response = self._send(call.method, self.base_url + call.target, data, headers, seconds)
        body = _json(response.data)
        if response.status >= 300:
            retry_after = response.headers.get("Retry-After")
            raise self._refused(refusal(response.status, body, retry_after, self.base_url))
        if body is None and response.status != 204:
            raise ServerError(
                f"{self.base_url} does not answer as Easel does.", "Is the address right?", status=502
            )
        return Answer(body, response.headers)

    def _send(
        self, method: str, url: str, data: bytes | None, headers: Mapping[str, str], seconds: float
    ) -> "urllib3.BaseHTTPResponse":
        import urllib3  # takes a third of the time in which `easel --help` answers, which needs none of it
        from urllib3 import exceptions as faults

        self._pool = self._pool or pool_for(self.base_url)
        most = max(seconds, SHORTEST_SECONDS)
        timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, most), read=min(READ_SECONDS, most))
        try:
            return self._pool.request(
                method, url, body=data, headers=dict(headers), timeout=timeout, retries=False, redirect=False
            )
        except (faults.NewConnectionError, faults.ConnectTimeoutError, faults.ProxyError) as error:
            raise self._unreachable("Nothing answers at", sent=False) from error
        except faults.SSLError as error:
            raise self._unreachable("There is no secure connection to", sent=False) from error
        except faults.LocationValueError as error:
            raise self._unreachable("This is no address that can be called:", sent=False) from error
        except faults.ReadTimeoutError as error:
            raise self._unreachable("No answer came in time from") from error
        except faults.HTTPError as error:
            raise self._unreachable("The connection broke off to") from error

    def _refused(self, error: RefusedError) -> RefusedError:
        """The same; of a key it says which it was."""
        if isinstance(error, KeyRefusedError) and self._key_source:
            error.advice = f"It was the key of {self._key_source}, at {self.base_url}. {error.advice}"
        return error

    def _unreachable(self, what: str, *, sent: bool = True) -> UnreachableError:
        advice = "Check the address and the network; `easel doctor` looks into it."
        if urlsplit(self.base_url).hostname in LOOPBACK:
            advice = "Is the local stack running? `easel up` starts it, `easel doctor` looks into it."
        return UnreachableError(f"{what} {self.base_url}.", advice, sent=sent)


def pool_for(url: str) -> "urllib3.PoolManager":
    """Connections to the host of this URL, through the environment's proxy where there is one for it."""
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and parts.hostname not in LOOPBACK and not proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy if "://" in proxy else f"http://{proxy}", maxsize=CONNECTIONS_MAX)
    return urllib3.PoolManager(maxsize=CONNECTIONS_MAX)


def _may_be_accepted(error: UnreachableError | RefusedError) -> bool:
    """Whether the request may have been taken all the same. 409: the key's first request is at work."""
    if isinstance(error, UnreachableError):
        return error.sent
    return error.status >= 500 or error.status == 409


def _pause_before_repeating(call: Call, error: Exception, pause: float) -> float | None:
    """How long to wait before the call is made again; None where it must not, or need not, be."""
    jittered = pause * random.uniform(0.5, 1.0)  # many clients shall not come back at once
    if isinstance(error, UnreachableError):
        return jittered if call.repeatable or not error.sent else None
    if not isinstance(error, RefusedError) or not call.repeatable or error.status not in WORTH_REPEATING:
        return None
    return error.retry_after_seconds if error.retry_after_seconds is not None else jittered


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
