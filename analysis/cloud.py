"""Public copies in the cloud: where a product lies in the bucket `stpubdata`, over https without an account.

Layout of the bucket as its objects show it: jwst/public/jw02736/L3/t/o001/<level-3 name> and
jwst/public/jw02736/jw02736001001/<level-2 name>. Names of other forms are looked up at the archive.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from analysis.download import Source
from analysis.products import Product

BUCKET = "stpubdata"
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_S3"
_ENDPOINT = f"https://{BUCKET}.s3.us-east-1.amazonaws.com"
_LEVEL_3 = re.compile(r"(jw\d{5})-(o\d{3})_t\d+_.*")
_LEVEL_2 = re.compile(r"(jw\d{5})(\d{6})_.*")

PathLookup = Callable[[Sequence[str]], dict[str, str]]
"""Takes URIs, returns the archive's path of those that it has in public."""


def key_of(name: str) -> str | None:
    """Key of a product in the bucket by its name, None for names whose place cannot be told."""
    if three := _LEVEL_3.fullmatch(name):
        return f"jwst/public/{three[1]}/L3/t/{three[2]}/{name}"
    if two := _LEVEL_2.fullmatch(name):
        return f"jwst/public/{two[1]}/{two[1]}{two[2]}/{name}"
    return None


def cloud_sources(products: Sequence[Product], look_up: PathLookup) -> dict[str, Source]:
    """Addresses in the cloud of those products that have one.

    Parameters
    ----------
    products : sequence of Product
        Exclusive ones are never there and are left out.
    look_up : callable
        Asked once, for the names whose place cannot be told.

    Returns
    -------
    dict
        URI to source. An object may still be missing: the archive is the next source of every job.
    """
    public = [product for product in products if not product.exclusive]
    keys = {product.uri: key_of(product.name) for product in public}
    unknown = [uri for uri, key in keys.items() if key is None]
    if unknown:
        keys |= {uri: path.lstrip("/") for uri, path in look_up(unknown).items()}
    return {uri: Source("cloud", f"{endpoint()}/{key}") for uri, key in keys.items() if key}


def endpoint() -> str:
    """Address of the bucket, at another S3 server where the environment names one."""
    other = os.environ.get(ENDPOINT_VARIABLE, "").strip().rstrip("/")
    return f"{other}/{BUCKET}" if other else _ENDPOINT
