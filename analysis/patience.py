"""How long to wait for a server and when to ask again: timeouts, backoff, Retry-After, for all requests."""

from __future__ import annotations

import email.utils
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store import __version__

if TYPE_CHECKING:
    import requests

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP answers that may be different next time."""
LONGEST_RETRY_AFTER_S = 600.0
"""A server that asks for more patience than this is left alone until the next run."""
_SLICE_S = 0.05

Stopping = Callable[[], bool]


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The work was asked to stop while waiting."""


class Trouble(Exception):  # noqa: N818 - it may pass
    """A request that failed: why, in words, whether it is worth asking again, and when the server said to."""

    def __init__(self, reason: str, *, again: bool = True, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.after_s = after_s


@dataclass(frozen=True)
class Patience:
    """Longest waits in seconds, and how many times in a row a request may fail before it is given up."""

    connect_s: float = 10.0
    read_s: float = 60.0
    retries: int = 7

    @property
    def timeout(self) -> tuple[float, float]:
        """Connect and read timeout, as `requests` takes them."""
        return self.connect_s, self.read_s

    def backoff_s(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row: doubling from 1/60 of the read timeout up to it.

        A random quarter on top keeps several clients from asking in step.
        """
        wait = min(self.read_s, self.read_s / 60.0 * 2.0 ** min(failures - 1, 30))
        return wait * random.uniform(1.0, 1.25)  # noqa: S311 - not a secret

    def before_next(self, failures: int, trouble: Trouble) -> float:
        """Seconds to wait before asking again: what the server said, else the backoff."""
        if trouble.after_s is None:
            return self.backoff_s(failures)
        return max(trouble.after_s * random.uniform(1.0, 1.1), 0.0)  # noqa: S311 - not a secret


def new_session() -> requests.Session:
    """Make a session that says who asks; proxies are taken from the environment."""
    import requests

    session = requests.Session()
    session.headers.update({"User-Agent": f"jwst-vet/{__version__}", "Accept-Encoding": "identity"})
    return session


def wait(seconds: float, stopping: Stopping) -> None:
    """Wait, or raise Stopped as soon as that is asked for."""
    end = time.monotonic() + seconds
    while True:
        if stopping():
            raise Stopped
        rest = end - time.monotonic()
        if rest <= 0:
            return
        time.sleep(min(_SLICE_S, rest))


def status_trouble(response: requests.Response) -> Trouble | None:
    """Return the trouble that the status of an answer means, or None where it is fine."""
    code = response.status_code
    if code < 400:
        return None
    reason = f"the server answered {code} {response.reason or ''}".rstrip()
    if code not in RETRIED_STATUSES:
        return Trouble(reason, again=False)
    after = retry_after_s(response.headers.get("Retry-After"))
    if after is not None and after > LONGEST_RETRY_AFTER_S:
        return Trouble(f"{reason} and asks to come back in {after / 60:.0f} min", again=False)
    return Trouble(reason, after_s=after)


def retry_after_s(value: str | None) -> float | None:
    """Read a Retry-After header, in seconds or as a date; None where there is none that can be read."""
    if not value:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(moment.timestamp() - time.time(), 0.0)


def request_trouble(error: Exception, patience: Patience) -> Trouble:
    """Put an exception of `requests` or `urllib3` into words for a person."""
    import requests
    import urllib3

    text = str(error)
    if isinstance(error, (requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError)):
        return Trouble(f"no connection within {patience.connect_s:g} s")
    silent = (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError)
    if isinstance(error, silent) or "Read timed out" in text:
        return Trouble(f"silent for {patience.read_s:g} s")
    if "NameResolutionError" in text or "Failed to resolve" in text:
        return Trouble("its name cannot be resolved: is the network there?")
    if "NewConnectionError" in text or "Connection refused" in text:
        return Trouble("no connection: is the network there?")
    if isinstance(error, requests.exceptions.SSLError):
        return Trouble(f"no safe connection ({_short(text)})")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return Trouble(f"not an address ({_short(text)})", again=False)
    return Trouble(f"the connection was cut ({type(error).__name__})")


def _short(text: str) -> str:
    """First 120 characters of a text on one line."""
    return " ".join(text.split())[:120]
