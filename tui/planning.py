"""The plan of the download, for the app: made by a process of its own, read and kept in threads.

The archive's client is slow to import and slower to answer, so it never comes into the app's process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from store.project import Project, StoreError

if TYPE_CHECKING:
    from store.database import Database
    from store.products import ProductRecord
    from store.verdicts import VerdictBook

POLL_SECONDS = 0.2
AskPlan = Callable[[tuple[str, ...], Callable[[], bool]], tuple[int, str, str]]
"""Runs `jwst-vet download` with some words, polling a question whether to give up; gives its exit code, what
it wrote on standard output, and its complaints."""


def asker(project: Project) -> AskPlan:
    """Make what asks for a plan: the download command in a process of its own."""

    def ask(words: tuple[str, ...], gives_up: Callable[[], bool]) -> tuple[int, str, str]:
        command = [sys.executable, "-P", "-m", "tui", "-C", str(project.root), "download", "--json", *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        ) as process:
            while True:
                try:
                    output, complaints = process.communicate(timeout=POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    if gives_up():
                        process.terminate()
                else:
                    return process.returncode, output, complaints

    return ask


def read_plan(
    database: Database, answer: tuple[int, str, str]
) -> tuple[tuple[ProductRecord, ...], tuple[str, ...]]:
    """Give the plan that the command told of, as the store holds it now, and what it says of itself.

    Raises StoreError with the command's complaint where it made none.
    """
    from store.products import product_records

    code, output, complaints = answer
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    plan = next((event for event in events if event.get("event") == "plan"), None)
    if plan is None:
        lines = complaints.strip().splitlines() or [f"the plan was not made (exit code {code})"]
        raise StoreError(lines[-1].removeprefix("jwst-vet: "))
    records = product_records(database) if database.path.exists() else []
    kept = tuple(record for record in records if record.plan_key == plan["key"])
    if not kept:
        raise StoreError("the plan is being made by the run that is going on; R asks again when it is there")
    return kept, tuple(plan["lines"])


def keep_choice(project: Project, database: Database, book: VerdictBook, record: ProductRecord) -> None:
    """Keep what was ticked, in the journal first, unless a run is working on the plan; StoreError then."""
    from analysis.pipeline import claimed
    from store.products import save_product

    with claimed(project):
        book.keep("product", record.uri, {"choice": record.reason})
        save_product(database, record)
