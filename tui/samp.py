"""Hand a position, an image or the table of candidates to DS9, Aladin or TOPCAT over SAMP.

The app starts this as a process of its own, `python -m tui.samp`, because pyvo brings astropy along: one line
comes out, exit code 2 where no hub or nobody to talk to was found.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0
NOT_SENT = 2
NO_HUB = "no SAMP hub is reachable: start TOPCAT or Aladin, or DS9 with a hub running, on this machine"


@dataclass(frozen=True)
class Kind:
    """One thing that can be sent: SAMP's name of the message, and what the words after it are."""

    mtype: str
    words: tuple[str, ...]
    what: str


KINDS: Mapping[str, Kind] = {
    "position": Kind("coord.pointAt.sky", ("ra", "dec"), "the position"),
    "image": Kind("image.load.fits", ("path",), "the image"),
    "table": Kind("table.load.votable", ("path",), "the table of candidates"),
}


def send(words: Sequence[str]) -> str:
    """Send something in a process of its own and give the line it ends with; takes a second or two."""
    command = [sys.executable, "-P", "-m", "tui.samp", *words]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return f"SAMP: no answer within {PATIENCE:.0f} s"
    lines = (done.stdout if done.returncode in {0, NOT_SENT} else done.stderr).strip().splitlines()
    return lines[-1] if lines else f"SAMP: ended with code {done.returncode}"


def as_votable(table: Path) -> Path:
    """Write one of the project's CSV tables as a VOTable beside it, with units."""
    from astropy.table import Table

    from store.tables import TABLES

    made = Table.read(table, format="ascii.csv")
    columns = {column.name: column for column in TABLES[table.stem].columns}
    for name in made.colnames:
        column = columns.get(name)
        if column is None:
            continue
        made[name].description = column.meaning
        if column.unit in {"deg", "px", "arcsec", "mag"}:
            made[name].unit = {"px": "pixel"}.get(column.unit, column.unit)
    path = table.with_suffix(".vot")
    made.write(path, format="votable", overwrite=True)
    return path


def parameters(kind: str, words: Sequence[str]) -> dict[str, str]:
    """Give the parameters of the message."""
    if kind == "position":
        return dict(zip(KINDS[kind].words, words, strict=True))
    path = Path(words[0])
    if kind == "table":
        path = as_votable(path)
    return {"url": path.absolute().as_uri(), "name": path.name}


def main(words: Sequence[str]) -> int:
    """Send one thing to everybody who takes it; say who that was."""
    import pyvo.samp

    # Otherwise the client asks a search engine whether there is a network, to choose its own address.
    pyvo.samp.conf.use_internet = False
    kind, rest = KINDS[words[0]], words[1:]
    client = pyvo.samp.SAMPIntegratedClient(
        name="jwst-vet", description="candidate anomalies in JWST images", callable=False, addr="127.0.0.1"
    )
    try:
        client.connect()
    except (pyvo.samp.SAMPHubError, OSError, KeyError):
        print(NO_HUB)
        return NOT_SENT
    try:
        takers = client.get_subscribed_clients(kind.mtype)
        names = [str(client.get_metadata(taker).get("samp.name", taker)) for taker in takers]
        if not takers:
            print(f"SAMP: no program at the hub takes {kind.what} ({kind.mtype})")
            return NOT_SENT
        message = {"samp.mtype": kind.mtype, "samp.params": parameters(words[0], rest)}
        for taker in takers:
            client.notify(taker, message)
    finally:
        client.disconnect()
    print(f"SAMP: {kind.what} sent to {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
