"""The list of products: a plan replaces the one before and forgets no file; older databases get it."""

import dataclasses
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from store.database import Database
from store.migrations import SCHEMA_VERSION
from store.products import ProductRecord, product_records, save_plan, save_product
from store.project import Project
from store.tables import write_table


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "x.duckdb")


def plan(key, *names, **facts):
    return [
        ProductRecord(f"mast:{name}", name, plan_key=key, place=n, **facts) for n, name in enumerate(names)
    ]


def test_plan_comes_back_in_its_order(database):
    """Records come back as they were, in the order of the plan."""
    records = plan("k", "b", "a", "c", size=5, exclusive=True, public_from="2026-01-01")
    save_plan(database, records)
    assert product_records(database) == records


def test_new_plan_replaces_the_old_one_but_forgets_no_file(database):
    """What was fetched stays in the list, last and without a plan; what was only planned goes."""
    save_plan(database, plan("k", "a", "b"))
    save_product(
        database, dataclasses.replace(product_records(database)[0], state="done", sha256="s", size=7)
    )
    save_plan(database, plan("k2", "c"))
    records = product_records(database)
    assert [(r.name, r.state, r.plan_key) for r in records] == [("c", "planned", "k2"), ("a", "done", "")]
    save_plan(database, [dataclasses.replace(records[1], plan_key="k3", place=0)])
    assert [(r.name, r.sha256, r.plan_key) for r in product_records(database)] == [("a", "s", "k3")]


def test_manifest_is_written_from_the_list(database, tmp_path):
    """Unknown sizes are empty, reasons that look like formulas are quoted."""
    save_plan(database, plan("k", "a_i2d.fits", reason="=1+1", kind="i2d"))
    text = write_table(Project(tmp_path), database, "download_manifest").read_text().splitlines()
    row = dict(zip(text[0].split(","), text[1].split(","), strict=True))
    assert (row["file"], row["state"], row["size"], row["why"]) == ("a_i2d.fits", "planned", "", "'=1+1")


def test_database_of_version_1_gets_the_table(database):
    """A project made before this table was there opens, keeps a copy, and takes a plan."""
    schema = files("store").joinpath("schema.sql").read_text(encoding="utf-8")
    before = Path(__file__).with_name("former") / "schema1.sql"
    with duckdb.connect(str(database.path)) as connection:
        connection.execute(before.read_text(encoding="utf-8"))
    save_plan(database, plan("k", "a"))
    assert [record.name for record in product_records(database)] == ["a"]
    assert database.path.with_name("x.schema1.duckdb").exists()
    with database.read() as cursor:
        assert cursor.execute("SELECT max(version) FROM schema_version").fetchone() == (SCHEMA_VERSION,)
        migrated = cursor.execute("DESCRIBE products").fetchall()
        sources = cursor.execute("DESCRIBE sources").fetchall()
    with duckdb.connect() as connection:
        connection.execute(schema)
        assert connection.execute("DESCRIBE products").fetchall() == migrated
        assert connection.execute("DESCRIBE sources").fetchall() == sources
