"""Parts of sections 1 and 5 of the report: what was fetched from the archive, and what was not, and why."""

from analysis.report.facts import Facts
from analysis.report.markdown import number, table
from store.products import PRESENT, TICKED_OFF, ProductRecord

_LEFT = {"failed": "failed", "skipped": "skipped", "planned": "not fetched yet"}


def fetched(facts: Facts) -> list[str]:
    """Return the blocks on the files that came from the archive; none where no file did."""
    records = sorted((r for r in facts.products if r.state in PRESENT), key=lambda r: (r.name, r.uri))
    if not records:
        return []
    return [
        "### Files from the archive",
        table(
            ("file", "URI", ">bytes", "sha256", "from"),
            ((r.name, r.uri, r.size, r.sha256, r.source or "on disk already") for r in records),
        ),
        "Each is as long as the archive lists it and whole to its last block; section 9 says when it came.",
    ]


def not_fetched(facts: Facts) -> list[str]:
    """Return the blocks on every product that failed or was skipped, with the cause."""
    records = sorted((r for r in facts.products if r.state in _LEFT), key=lambda r: (r.state, r.name, r.uri))
    if not records:
        return []
    return [
        "### Products of the archive that are not in it",
        table(
            ("product", "instrument", "filter", "level", ">size (GB)", "state", "cause"),
            (
                (
                    r.name,
                    r.instrument or "–",
                    r.filter or "–",
                    r.level,
                    number(r.size / 1e9 if r.size >= 0 else None, ".3f"),
                    _LEFT[r.state],
                    _cause(r),
                )
                for r in records
            ),
        ),
    ]


def _cause(record: ProductRecord) -> str:
    """Say why a product was not fetched."""
    if record.reason == TICKED_OFF:
        return "ticked off by a person"
    if record.state == "planned":
        return "no download has come to it"
    return record.reason or "not recorded"


def times(facts: Facts) -> list[str]:
    """Return a line with the time of each file that came from the archive."""
    records = sorted((r for r in facts.products if r.state in PRESENT), key=lambda r: (r.name, r.uri))
    verbs = {True: "was fetched", False: "was on disk already and verified"}
    return [f"Time: {r.name} {verbs[bool(r.source)]} at {r.finished_at}." for r in records]
