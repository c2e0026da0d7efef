"""One question to a table access service: ADQL out, whole tables in, or one line that says why not.

The protocol's synchronous form is one POST (IVOA TAP 1.1). It is read here as it comes, so that a server
that drips, hangs or stops half way costs a known time: the usual client streams without a timeout.
"""

from __future__ import annotations

import io
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from analysis.patience import Patience, Stopping, Trouble, new_session, request_trouble, status_trouble, wait

if TYPE_CHECKING:
    import requests

MOST_ROWS: Final = 20_000
MOST_BYTES: Final = 64_000_000
_CHUNK: Final = 65_536
_BAD_REQUEST: Final = 400


class NoAnswer(Exception):  # noqa: N818 - the words it is known by on screen
    """A service gave no answer that can be used; the text says why."""


class Refused(NoAnswer):
    """A service is there and refused this question; another question may be answered."""


@dataclass(frozen=True, eq=False)
class Answered:
    """A table: columns by lower-case name, as lists; `whole` is False where the service cut it short."""

    columns: dict[str, list[Any]]
    rows: int
    whole: bool


@dataclass(frozen=True)
class Client:
    """Asks one server at a time, with patience.

    `seconds` is the longest that one answer may take from first to last byte.
    """

    patience: Patience
    seconds: float = 60.0
    stopping: Stopping = lambda: False

    def query(self, url: str, adql: str) -> Answered:
        """Ask a TAP service; NoAnswer where it gives none, Refused where it will not, Stopped on request."""
        data = {"REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "votable", "QUERY": adql}
        body = self.fetch("POST", f"{url.rstrip('/')}/sync", data=data | {"MAXREC": str(MOST_ROWS)})
        return parse(body)

    def fetch(self, method: str, url: str, **what: Any) -> bytes:
        """Return the body of an answer, asked again where that may help; NoAnswer with the last reason."""
        failures = 0
        while True:
            try:
                return self._once(method, url, what)
            except Trouble as trouble:
                failures += 1
                if isinstance(trouble, _Refusal):
                    raise Refused(trouble.reason) from trouble
                if not trouble.again or failures > self.patience.retries:
                    raise NoAnswer(trouble.reason) from trouble
                wait(self.patience.before_next(failures, trouble), self.stopping)

    def _once(self, method: str, url: str, what: dict[str, Any]) -> bytes:
        """Send one request and read its whole answer within the time there is."""
        import requests
        import urllib3

        end = time.monotonic() + self.seconds
        try:
            with (
                new_session() as session,
                session.request(method, url, timeout=self.patience.timeout, stream=True, **what) as response,
            ):
                trouble = status_trouble(response)
                if response.status_code == _BAD_REQUEST:
                    # A TAP service tells of a bad query in the body of a 400.
                    raise _Refusal(_refusal_words(self._read(response, end)), again=False)
                if trouble is not None:
                    raise trouble
                return self._read(response, end)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise request_trouble(error, self.patience) from error

    def _read(self, response: requests.Response, end: float) -> bytes:
        """Return the body, or Trouble where it is too long or too slow."""
        parts, size = [], 0
        # One read of the socket at a time: reading whole chunks would wait for ever on a server that drips.
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Trouble(f"the answer is longer than {MOST_BYTES // 1_000_000} MB", again=False)
            if time.monotonic() > end:
                raise Trouble(f"the answer was not whole within {self.seconds:g} s", again=False)
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and size < int(announced):
            raise Trouble("the answer was cut short")
        return b"".join(parts)


class _Refusal(Trouble):
    """A question that a server read and refused."""


def _refusal_words(body: bytes) -> str:
    """Return what a server says of a question it refused, whatever it wraps that in."""
    try:
        parse(body)
    except Refused as error:
        return str(error)
    except NoAnswer:
        pass  # not a table: its words are no help
    return f"it refused the question (the server answered {_BAD_REQUEST})"


def parse(body: bytes) -> Answered:
    """Read a VOTable; NoAnswer where it is a web page or not whole, Refused where it tells of an error."""
    head = body[:2000].lstrip().lower()
    if head.startswith((b"<html", b"<!doctype html")) or b"<html" in head[:500]:
        raise NoAnswer("it answered with a web page, not with a table")
    if b"<votable" not in head:
        raise NoAnswer("its answer is not a table")
    if not body.rstrip().endswith(b"VOTABLE>"):
        raise NoAnswer("its answer is cut short")
    from astropy.io import votable

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # services differ from the standard in small ways
            document = votable.parse(io.BytesIO(body), verify="ignore")
            status = {
                str(info.name).upper(): (str(info.value).upper(), str(info.content or ""))
                for resource in document.resources
                for info in resource.infos
            }
            state, text = status.get("QUERY_STATUS", ("OK", ""))
            table = next(document.iter_tables(), None)
            columns = {} if table is None else _columns(table.to_table())
    except Exception as error:  # a damaged XML can be wrong in a hundred ways
        raise NoAnswer(f"its table cannot be read ({type(error).__name__})") from error
    if state == "ERROR":
        raise Refused(f"it refused the question ({' '.join(text.split())[:120]})")
    rows = len(next(iter(columns.values()), []))
    whole = state != "OVERFLOW" and rows < MOST_ROWS
    # An overflow may be told after the table, outside of the first resource's infos.
    return Answered(columns, rows, whole and b'value="OVERFLOW"' not in body[-4000:])


def _columns(table: Any) -> dict[str, list[Any]]:
    """Return a table's columns as lists of plain values, None where masked."""
    found: dict[str, list[Any]] = {}
    for name in table.colnames:
        column = table[name]
        values = column.filled().tolist() if hasattr(column, "filled") else column.tolist()
        mask = getattr(column, "mask", None)
        hidden = [False] * len(values) if mask is None else list(mask)
        found[name.lower()] = [None if hide else value for hide, value in zip(hidden, values, strict=True)]
    return found
