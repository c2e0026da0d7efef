"""Which services answer: the archive, the name resolver, the catalogues; all asked at once, for a time."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple

from analysis.addresses import base_url, resolver_url
from analysis.config import Config
from analysis.patience import Patience, new_session, request_trouble

TAP_VARIABLE = "JWST_VET_TAP_URLS"
CATALOGS: Mapping[str, str] = {
    "SIMBAD": "https://simbad.cds.unistra.fr/simbad/sim-tap",
    "Gaia": "https://gea.esac.esa.int/tap-server/tap",
    "NED": "https://ned.ipac.caltech.edu/tap",
    "VizieR": "https://tapvizier.cds.unistra.fr/TAPVizieR/tap",
}
"""Base addresses of the catalogues' table access services."""


class Service(NamedTuple):
    """One service: its name, its address, whether it answered, and that in words."""

    name: str
    url: str
    ok: bool
    words: str


def given_urls() -> dict[str, str]:
    """Addresses that the environment gives ("simbad=http://...,gaia=..."), by lower-case name."""
    others = dict(item.split("=", 1) for item in os.environ.get(TAP_VARIABLE, "").split(",") if "=" in item)
    return {name.strip().lower(): url.strip() for name, url in others.items()}


def catalog_urls() -> dict[str, str]:
    """Addresses of the catalogues; the environment's go before ours."""
    given = given_urls()
    return {name: given.get(name.lower(), url) for name, url in CATALOGS.items()}


def services(config: Config, timeout: float = 5.0) -> list[Service]:
    """Ask every service at once and tell which answer.

    Parameters
    ----------
    timeout : float
        Seconds until all that have not answered count as not reachable, name look-ups included.

    Returns
    -------
    list of Service
        The archive, the name resolver, then the catalogues.
    """
    asked = {
        "MAST": f"{base_url(config.services)}/whoami",
        "name resolver": f"{resolver_url(config.services)}?outputFormat=json&resolveAll=False&name=M31",
        **{name: f"{url.rstrip('/')}/capabilities" for name, url in catalog_urls().items()},
    }
    answers: queue.SimpleQueue[Service] = queue.SimpleQueue()
    for name, url in asked.items():
        # Threads that nobody waits for: a name look-up without a network cannot be interrupted.
        threading.Thread(target=lambda n=name, u=url: answers.put(_ask(n, u, timeout)), daemon=True).start()
    end = time.monotonic() + timeout
    found: dict[str, Service] = {}
    while len(found) < len(asked):
        try:
            service = answers.get(timeout=max(end - time.monotonic(), 0.001))
        except queue.Empty:
            break
        found[service.name] = service
    return [
        found.get(name, Service(name, url, ok=False, words=f"no answer within {timeout:g} s"))
        for name, url in asked.items()
    ]


def _ask(name: str, url: str, timeout: float) -> Service:
    """Send one request; any answer but a server's error counts."""
    import requests

    began = time.monotonic()
    try:
        with new_session() as session, session.get(url, timeout=timeout, stream=True) as response:
            code = response.status_code
    except requests.RequestException as error:
        return Service(
            name, url, ok=False, words=request_trouble(error, Patience(timeout, timeout, 0)).reason
        )
    took = f"{time.monotonic() - began:.1f} s"
    return Service(
        name, url, ok=code < 500, words=f"answered in {took}" if code < 500 else f"answered {code}"
    )
