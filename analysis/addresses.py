"""Where the archive is, with whose token and how much patience: from the environment, then the file."""

from __future__ import annotations

import os
import re

from analysis.config import ConfigError, Services
from analysis.patience import Patience

URL_VARIABLE = "JWST_VET_MAST_URL"
TOKEN_VARIABLE = "MAST_API_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_PAGE = "https://auth.mast.stsci.edu/token"  # noqa: S105 - where a person makes one
_RESOLVER = "https://mastresolver.stsci.edu"


def base_url(services: Services) -> str:
    """Address of the archive: the environment's, else the configuration's.

    Raises
    ------
    ConfigError
        If the environment holds something else than an address.
    """
    url = os.environ.get(URL_VARIABLE, "").strip() or services.mast_url
    if not re.fullmatch(r"https?://[^\s?#]+", url):
        raise ConfigError(
            f"{URL_VARIABLE} = {url!r}: must be an address that begins with http:// or https://"
        )
    return url.rstrip("/")


def resolver_url(services: Services) -> str:
    """Address of the name resolver: the archive's own, or the same server that stands in for the archive."""
    url = base_url(services)
    return (_RESOLVER if url == Services().mast_url else url) + "/Santa-war/query"


def token() -> str:
    """Return the token in the environment, "" where there is none; ConfigError where it cannot be one."""
    value = os.environ.get(TOKEN_VARIABLE, "").strip()
    if value and not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", value):
        raise ConfigError(f"{TOKEN_VARIABLE}: holds characters that no token has; make one at {TOKEN_PAGE}")
    return value


def patience_of(services: Services) -> Patience:
    """Return the patience that the configuration asks for."""
    return Patience(services.connect_timeout_s, services.read_timeout_s, services.retries)


def token_headers(value: str) -> dict[str, str]:
    """Headers that carry a token, as the archive takes them; none without one."""
    return {"Cookie": f"mast_token={value}", "Authorization": f"token {value}"} if value else {}
