"""The archive, asked: a name's position, observations near it, their products, a product's size.

The only room that imports astroquery. Its code is used as it is; the addresses are attributes of objects of
ours, so that the whole program can be pointed at another server.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from analysis.addresses import base_url, patience_of, resolver_url, token_headers
from analysis.config import Config
from analysis.download import Source
from analysis.patience import Stopping, Trouble, new_session, request_trouble, status_trouble, wait
from analysis.polling import PollingAdapter
from analysis.products import Product
from analysis.rows import FIELDS, Observation, observation_of, product_of

_MOST_QUERY_RETRIES = 3
_MOST_OFFLINE_RETRIES = 1
_MOST_URIS = 50
_T = TypeVar("_T")


class ArchiveError(Exception):
    """The archive did not give what was asked for: one line with the server, the reason and the next step."""


class NotFound(ArchiveError):  # noqa: N818 - an answer, not an error of the archive
    """The archive answered, and has nothing of the kind."""


@dataclass(frozen=True)
class Position:
    """A place on the sky, ICRS degrees, and who says so."""

    ra: float
    dec: float
    source: str


class Archive:
    """Asks the archive, with patience; every refusal is one line."""

    def __init__(self, config: Config, stopping: Stopping = lambda: False) -> None:
        self.url = base_url(config.services)
        self.resolver = resolver_url(config.services)
        self.patience = patience_of(config.services)
        self.stopping = stopping
        self.session = new_session()
        self._observations: Any = None
        self._adapter = PollingAdapter(self.patience, stopping)

    def resolve(self, name: str) -> Position:
        """Ask the name resolver for an object's position: one request where it answers.

        Raises
        ------
        NotFound
            If it knows no such object.
        ArchiveError
            If it cannot be reached or its answer cannot be read.
        """

        def ask() -> Any:
            query = {"outputFormat": "json", "resolveAll": "False", "name": name}
            response = self.session.get(self.resolver, params=query, timeout=self.patience.timeout)
            response.raise_for_status()
            answer = response.json()
            if not isinstance(answer, dict) or not isinstance(answer.get("resolvedCoordinate") or [], list):
                raise Trouble("its answer cannot be read", again=False)
            return answer.get("resolvedCoordinate") or []

        found = self._patiently("the name resolver", self.resolver, ask)
        if not found:
            raise NotFound(
                f'no object is called "{name}" by the name resolver; correct target_name, or give its place: '
                'target_mode = "coords", ra_deg, dec_deg'
            )
        try:
            ra, dec = float(found[0]["ra"]), float(found[0]["decl"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArchiveError(f"the name resolver {self.resolver}: its answer has no position") from error
        if not (0 <= ra <= 360 and -90 <= dec <= 90):
            raise ArchiveError(f"the name resolver {self.resolver}: its answer {ra}, {dec} is no position")
        return Position(ra, dec, str(found[0].get("resolver") or "the name resolver"))

    def observations(self, ra: float, dec: float, radius_deg: float) -> list[Observation]:
        """JWST's observations whose footprint touches a cone (ICRS degrees), planned ones left out."""

        def ask(client: Any) -> Any:
            from astropy.coordinates import SkyCoord

            return client.query_criteria(
                coordinates=SkyCoord(ra, dec, unit="deg"), radius=radius_deg, obs_collection="JWST"
            )

        rows = self._query("observations", ask, ("obsid", "obs_id"))
        made = [observation_of(row) for row in rows]
        return sorted((o for o in made if o.obsid and o.level != -1), key=lambda o: (o.obs_id, o.obsid))

    def products(self, observation: Observation, suffixes: Collection[str]) -> list[Product]:
        """List the products of one observation whose names end in one of the suffixes, each once."""
        rows = self._query(
            f"the products of {observation.obs_id}",
            lambda client: client.get_product_list(observation.obsid),
            ("uri",),
        )
        wanted = {suffix.lower() for suffix in suffixes}
        made: dict[str, Product] = {}
        for row in rows:
            product = product_of(row, observation)
            if product is not None and product.suffix in wanted:
                made.setdefault(product.uri, product)
        return sorted(made.values(), key=lambda product: product.name)

    def size_of(self, product: Product, headers: Mapping[str, str]) -> int | None:
        """Ask for the size of one product, bytes; None where the archive does not say or refuses."""

        def ask() -> int | None:
            response = self.session.head(
                self.file_url(product.uri),
                headers=dict(headers),
                timeout=self.patience.timeout,
                allow_redirects=True,
            )
            if response.status_code in (401, 403, 404):
                return None
            response.raise_for_status()
            length = response.headers.get("Content-Length", "")
            return int(length) if length.isdigit() and int(length) > 0 else None

        return self._patiently(f"the size of {product.name}", self.url, ask)

    def source_of(self, product: Product, headers: Mapping[str, str]) -> Source:
        """Address of a product at the archive; the token goes with exclusive ones only."""
        return Source("archive", self.file_url(product.uri), headers if product.exclusive else {})

    def file_url(self, uri: str) -> str:
        """Address of a file by its URI."""
        return f"{self.url}/api/v0.1/Download/file?uri={quote(uri, safe=':/')}"

    def paths_of(self, uris: Sequence[str]) -> dict[str, str]:
        """Look up the public paths of files, 50 at a time; those without one are left out."""
        found: dict[str, str] = {}
        for start in range(0, len(uris), _MOST_URIS):
            batch = list(uris[start : start + _MOST_URIS])

            def ask(batch: list[str] = batch) -> Any:
                response = self.session.get(
                    f"{self.url}/api/v0.1/path_lookup/", params={"uri": batch}, timeout=self.patience.timeout
                )
                if response.status_code == 404:
                    return {}
                response.raise_for_status()
                return response.json()

            answer = self._patiently("paths in the cloud", self.url, ask)
            if isinstance(answer, dict):
                told = {uri: answer[uri].get("path") for uri in batch if isinstance(answer.get(uri), dict)}
                found |= {uri: str(path) for uri, path in told.items() if path}
        return found

    def accepts(self, value: str) -> bool:
        """Ask whether the archive accepts a token."""

        def ask() -> bool:
            response = self.session.get(
                f"{self.url}/whoami", headers=token_headers(value), timeout=self.patience.timeout
            )
            if response.status_code in (401, 403):
                return False
            response.raise_for_status()
            answer = response.json()
            return isinstance(answer, dict) and answer.get("anon") is False

        return self._patiently("the token", self.url, ask)

    def _query(self, what: str, ask: Callable[[Any], Any], needed: Sequence[str]) -> list[dict[str, Any]]:
        """Ask astroquery and give rows by our names; an answer that is short of rows or columns is none."""

        def whole() -> list[dict[str, Any]]:
            self._adapter.forget()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "no results" is said in words of ours
                table = ask(self._client())
            stated = self._adapter.rows
            if stated is not None and len(table) < stated:
                raise Trouble(f"sent {len(table)} of {stated} rows")
            if not len(table):
                return []
            names = {
                ours: next((n for n in theirs if n in table.colnames), None)
                for ours, theirs in FIELDS.items()
            }
            missing = [FIELDS[field][0] for field in needed if names[field] is None]
            if missing:
                raise Trouble(f"its answer has no column {', '.join(missing)}", again=False)
            columns = {ours: table[theirs].tolist() for ours, theirs in names.items() if theirs is not None}
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

        return self._patiently(what, self.url, whole)

    def _client(self) -> Any:
        """Make astroquery's client once, its addresses and transport replaced by ours."""
        if self._observations is None:
            from astroquery.mast import ObservationsClass

            client = ObservationsClass()
            api = client._portal_api_connection  # noqa: SLF001 - no public way to set these
            api.MAST_REQUEST_URL = f"{self.url}/api/v0/invoke"
            api.COLUMNS_CONFIG_URL = f"{self.url}/portal/Mashup/Mashup.asmx/columnsconfig"
            api.MAST_DOWNLOAD_URL = f"{self.url}/api/v0.1/Download/file"
            api._column_configs = {}  # noqa: SLF001 - shared by the class otherwise
            for scheme in ("http://", "https://"):
                api._session.mount(scheme, self._adapter)  # noqa: SLF001
            self._observations = client
        return self._observations

    def _patiently(self, what: str, server: str, ask: Callable[[], _T]) -> _T:
        """Ask until there is an answer or patience ends; the refusal is one line."""
        failures = 0
        while True:
            try:
                return ask()
            except Trouble as error:
                trouble = error
            except requests.HTTPError as error:
                trouble = (error.response is not None and status_trouble(error.response)) or Trouble(
                    str(error)
                )
            except requests.JSONDecodeError:
                trouble = Trouble("answered with something else than data (a web page?)")
            except requests.RequestException as error:
                trouble = request_trouble(error, self.patience)
            except _client_errors() as error:
                trouble = Trouble(_words(error), again=type(error).__name__ == "RemoteServiceError")
            failures += 1
            offline = "is the network there" in trouble.reason
            most = min(self.patience.retries, _MOST_OFFLINE_RETRIES if offline else _MOST_QUERY_RETRIES)
            if not trouble.again or failures > most:
                raise ArchiveError(f"{what}: {server}: {trouble.reason}")
            wait(self.patience.before_next(failures, trouble), self.stopping)


def _client_errors() -> tuple[type[Exception], ...]:
    """Name what astroquery raises on answers that it cannot read, and on those that say no."""
    from astroquery.exceptions import InvalidQueryError, RemoteServiceError, ResolverError
    from astroquery.exceptions import TimeoutError as QueryTimeoutError

    own = (InvalidQueryError, RemoteServiceError, ResolverError, QueryTimeoutError, TimeoutError)
    return (*own, ValueError, KeyError, TypeError, AttributeError, IndexError)


def _words(error: Exception) -> str:
    """Put an exception of the client into one line."""
    text = " ".join(str(error).split())[:200]
    if type(error).__name__ == "RemoteServiceError":
        return f"refused the query: {text}"
    if type(error).__name__ == "InvalidQueryError":
        return f"its description of the columns has changed: {text}"
    return f"its answer cannot be read ({type(error).__name__}: {text})"
