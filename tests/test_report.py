"""REPORT.md: text stays text, every section says what it must, and the same facts give the same report."""

import dataclasses
import math
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from analysis.config import Config
from analysis.report import changes
from analysis.report.document import render
from analysis.report.facts import Entry, Facts, Step
from analysis.report.markdown import command, escape, fenced, image, listing, table, visible
from analysis.report.naming import field_name
from analysis.stages.report import write_whole
from store.candidates import CandidateRow, MemberRow
from store.checks import CheckRow
from store.frames import FrameRecord
from store.journal import Problem
from store.products import TICKED_OFF, ProductRecord
from store.project import StoreError
from store.spectra import SpectrumFileRecord
from store.verdicts import CHECKS, VerdictState

HOSTILE = (
    "</td><script>alert(1)</script>|a|`b`\n# c\n\n```\n- d "
    "![x](y) <!-- \x1b[31m \x07 \u202e e &amp; _f_ **g** ~~h~~ \\"
)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
INFO = {
    "method": "isolation_forest",
    "seeds": [1, 2],
    "trees": 300,
    "subsample": 256,
    "least_for_forest": 50,
    "least_for_distance": 5,
    "features": {"gini": "inequality", "m20": "moment"},
    "groups": [
        {
            "bands": ["NIRCAM F200W"],
            "n_sources": 300,
            "n_population": 200,
            "method": "isolation_forest",
            "features": ["gini", "m20"],
        }
    ],
    "weights": {"anomaly": 0.4, "snr": 0.3, "artifact": 0.2, "consistency": 0.1},
    "detection_threshold": 3.0,
    "min_snr": 5.0,
    "top_anomalies_per_image": 30,
    "frames": {"jw_a_i2d": "key-a", "jw_b_i2d": "key-b"},
    "coverage_unknown": {},
    "n_sources": 300,
    "n_objects": 250,
    "code_version": "1",
    "python": "3.12.1",
    "versions": {"numpy": "2.1.0"},
}


def frame(name, **changes):
    """A measured frame."""
    facts = {
        "frame": name,
        "path": f"/p/data/products/{name}.fits",
        "sha256": "a" * 63 + name[3],
        "bytes": 1,
        "state": "done",
        "stage_key": f"key-{name[3]}",
        "instrument": "NIRCAM",
        "filter": "F200W",
        "program": "2736",
        "target": "SMACS",
        "date_beg": "2022-06-07T10:00:00",
        "nx": 100,
        "ny": 90,
        "pixel_scale_arcsec": 0.031,
        "area_arcmin2": 1.25,
        "fwhm_arcsec": 0.066,
        "flux_unit": "nJy",
        "unit_source": "BUNIT MJy/sr",
        "cal_ver": "1.20.2",
        "crds_ctx": "jwst_1464.pmap",
        "has_err": True,
        "has_wht": True,
        "n_sources": 150,
        "threshold_k": 1.45,
        "false_rate": 0.0071,
        "sky_rms": 0.002,
        "depth_5sigma_mag": 28.9,
        "measured_at": "2030-01-01T00:00:00+00:00",
    }
    return FrameRecord(**facts | changes)


def candidate(rank, name, **changes):
    """A ranked candidate."""
    facts = {field.name: math.nan for field in dataclasses.fields(CandidateRow)}
    facts |= {
        "rank": rank, "candidate": name, "kind": "image", "ra": 150.0, "dec": 2.0, "composite_score": 0.8,
        "anomaly_score": 0.95, "snr_score": 0.7, "artifact_score": 0.9, "terms": "anomaly,snr,artifact",
        "snr": 25.0, "frames_detected": 1, "frames_covering": 1, "filters": "F200W", "object": name,
        "best_source": "jw_a_i2d-3", "best_frame": "jw_a_i2d", "flux": 120.0, "flux_err": 4.8,
        "flux_unit": "nJy", "flags": "blended,edge", "simulated": False,
    }  # fmt: skip
    return CandidateRow(**facts | changes)


def member(name, **changes):
    """A detection."""
    facts = {field.name: math.nan for field in dataclasses.fields(MemberRow)}
    facts |= {"source_id": f"{name}-3", "frame": name, "snr": 25.04, "flux": 120.0, "flux_err": 4.8,
              "flux_unit": "nJy", "flags": "blended"}  # fmt: skip
    return MemberRow(**facts | changes)


NAMES = ("JWST J150.00000+02.00000", "JWST J150.00100-02.00000")


def facts(**changes):
    """Facts of two frames, two candidates and two vetters."""
    values = {
        "config": Config(target_name="SMACS 0723"),
        "version": "0.1.0",
        "frames": (frame("jw_a_i2d"), frame("jw_b_i2d")),
        "info": INFO,
        "n_candidates": 2,
        "candidates": [candidate(1, NAMES[0]), candidate(2, NAMES[1])],
        "views": {
            NAMES[0]: {"jw_a_i2d": "detected", "jw_b_i2d": "not covered"},
            NAMES[1]: {"jw_a_i2d": "detected"},
        },
        "members": {NAMES[0]: [member("jw_a_i2d")]},
        "figures": {NAMES[0]: "../figures/cutouts/JWST_J150.00000+02.00000.png"},
        "states": [
            VerdictState(
                NAMES[0],
                "ada",
                label="interesting",
                grade="A",
                checks={"catalogs": "pass"},
                note="an arc",
                at="2030-01-02T03:04:05+00:00",
                rank=1,
                score=0.8,
            ),
            VerdictState(NAMES[0], "bob", label="artifact", reason="snowball", checks={"catalogs": "fail"}),
        ],
        "problems": (),
        "locations": {"jw_a_i2d": "data/products/jw_a_i2d.fits", "jw_b_i2d": "data/products/jw_b_i2d.fits"},
        "tables": ["../tables/all_sources.csv"],
        "written_at": "2030-01-03T00:00:00+00:00",
    }
    return Facts(**values | changes)


def shape(text):
    """The kinds of blocks of a document, in order, and the kinds of spans in them."""
    tokens = PARSER.parse(text)
    return [token.type for token in tokens if token.type != "inline"]


def spans(text):
    """Every kind of span that a document holds."""
    return {child.type for token in PARSER.parse(text) for child in token.children or []}


def section(text, number):
    """One numbered section."""
    return re.search(rf"^## {number}\..*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL).group()


# --- text stays text


@settings(max_examples=400, deadline=None)
@given(st.text() | st.text(alphabet="\\`*_[]<>&#|~$!()-+=.1 \n\tab:/@\"'{}"))
def test_escaped_text_is_plain_wherever_it_stands(text):
    """As a paragraph, heading, list item or quotation, any text parses to itself and nothing else."""
    shown = " ".join(visible(text).split())
    safe = escape(text)
    assert "\n" not in safe
    for before, after in (("", ""), ("# ", ""), ("- ", ""), ("> ", ""), ("a ", " b")):
        tokens = [token for token in PARSER.parse(before + safe + after) if token.type == "inline"]
        if not shown:
            continue
        assert len(tokens) == 1
        assert {child.type for child in tokens[0].children} <= {"text", "text_special"}
        content = "".join(child.content for child in tokens[0].children)
        assert content == f"{'a ' if after else ''}{shown}{after}"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4))
def test_table_keeps_its_rows_and_columns(rows):
    """Pipes and line breaks inside cells make no new cell."""
    tokens = PARSER.parse(table(("one", ">two"), rows))
    assert sum(token.type == "td_open" for token in tokens) == 2 * len(rows)
    assert sum(token.type == "tr_open" for token in tokens) == 1 + len(rows)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=4))
def test_code_block_cannot_be_ended_from_inside(lines):
    """Whatever the lines hold, the block is one fence and nothing follows it."""
    assert shape(fenced(lines, "sh")) == ["fence"]


def test_control_characters_become_visible():
    """ESC, BEL, line breaks, directions of writing and lone surrogates are shown, not obeyed."""
    assert visible("a\x1b[31mb\x07") == "a␛[31mb␇"
    assert visible("a\r\nb\u2028c") == "a ⏎ b ⏎ c"
    assert visible("\u202ex\x9b\ud800") == "(U+202E)x(U+009B)(U+D800)"


def test_ordinary_names_stay_readable():
    """File and candidate names need no backslash."""
    for name in (
        "jw02736-o001_t001_nircam_clear-f200w_i2d",
        "JWST J110.83751-73.43968",
        "1.20.2",
        "-0.35",
    ):
        assert escape(name) == name


def test_image_link_survives_any_path():
    """Blanks and brackets in a path are encoded, the description is escaped."""
    (token,) = [t for t in PARSER.parse(image("a ] b", "../x (1) <2>.png")) if t.type == "inline"]
    assert token.children[0].type == "image"
    assert token.children[0].attrs["src"] == "../x%20%281%29%20%3C2%3E.png"


def test_command_gives_the_shell_the_same_words():
    """A POSIX shell with $'…' reads every name back, control characters included."""
    words = ["a b", "it's", "$(x) `y`", "new\nline", "esc\x1b", "tab\t\\n'", "ünï"]
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {command(*words)}"], capture_output=True, check=True
    )
    assert done.stdout.decode().split("\0")[:-1] == words
    assert command(*words).isprintable()


def test_list_items_are_one_line_each():
    """A line break in an item does not make another."""
    assert shape(listing(["a\n- b", "c"])).count("list_item_open") == 2


# --- the document


def hostile_facts():
    """Give facts in which every text from outside is hostile."""
    return facts(
        config=Config(target_name=HOSTILE),
        frames=(
            frame("jw_a_i2d", target=HOSTILE, program=HOSTILE, cal_ver=HOSTILE, notes=(HOSTILE,)),
            frame("jw_b_i2d", unit_source=HOSTILE, flux_unit=HOSTILE, filter=HOSTILE),
            frame("jw_c_i2d", state="failed", error_kind=HOSTILE, error_reason=HOSTILE),
        ),
        locations={"jw_a_i2d": HOSTILE, "jw_b_i2d": "/x/" + HOSTILE, "jw_c_i2d": HOSTILE},
        candidates=[
            candidate(1, NAMES[0], flags=HOSTILE, filters=HOSTILE, best_frame=HOSTILE),
            candidate(2, NAMES[1]),
        ],
        members={NAMES[0]: [member("jw_a_i2d", flags=HOSTILE, flux_unit=HOSTILE)]},
        states=[VerdictState(NAMES[0], "ada", label=HOSTILE, note=HOSTILE, checks={"catalogs": HOSTILE})],
        problems=(Problem(3, HOSTILE, HOSTILE),),
        products=(
            ProductRecord(HOSTILE, HOSTILE, state="done", sha256=HOSTILE, source=HOSTILE),
            ProductRecord("u", HOSTILE, state="failed", reason=HOSTILE, instrument=HOSTILE, filter=HOSTILE),
        ),
    )


def test_hostile_names_change_no_structure():
    """Target, file names, notes, headers, reasons: the same blocks as with harmless ones, no raw HTML."""
    text = render(hostile_facts())

    def tamed(value):
        if isinstance(value, str):
            return value.replace(HOSTILE, "harmless")
        if isinstance(value, (list, tuple)):
            return type(value)(tamed(item) for item in value)
        if isinstance(value, dict):
            return {tamed(k): tamed(v) for k, v in value.items()}
        if dataclasses.is_dataclass(value):
            fields = {f.name: tamed(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return type(value)(**fields)
        return value

    plain = render(tamed(hostile_facts()))
    assert shape(text) == shape(plain)
    assert spans(text) == spans(plain)
    assert "html_inline" not in spans(text)
    assert "html_block" not in shape(text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_same_facts_give_the_same_report_but_for_marked_lines():
    """Other clock readings change only lines that hold a time."""
    first = render(facts()).splitlines()
    later = facts(
        written_at="2031-01-01T00:00:00+00:00",
        frames=(frame("jw_a_i2d", measured_at="2031-02-02T00:00:00+00:00", seconds=9.0), frame("jw_b_i2d")),
    )
    second = render(later).splitlines()
    changed = [line for line, other in zip(first, second, strict=True) if line != other]
    assert changed
    assert all(line.startswith("- Time: ") for line in changed)


def test_simulated_is_said_at_the_top_and_at_each_table_of_candidates():
    """Title, tables of candidates, frames and picture text all say SIMULATED; a real field never does."""
    frames = (frame("jw_a_i2d", simulated=True), frame("jw_b_i2d", simulated=True))
    text = render(facts(frames=frames, candidates=[candidate(1, NAMES[0], simulated=True)], n_candidates=1))
    assert "SIMULATED" in text.splitlines()[2]
    assert section(text, 3).count("SIMULATED") >= 3
    assert "| SIMULATED |" in section(text, 1)
    assert "SIMULATED" not in render(facts())


def test_what_was_searched_names_files_hashes_and_calibration():
    """Section 1 holds name, sha256, CAL_VER, CRDS_CTX, area and depth of each frame."""
    text = section(render(facts()), 1)
    for word in (
        "jw_a_i2d",
        "a" * 63 + "a",
        "1.20.2",
        "jwst_1464.pmap",
        "1.2500",
        "28.90",
        "2022-06-07",
        "SCI ERR WHT",
    ):
        assert word in text
    assert "2.5000" in text  # area of the band, both frames


def test_how_it_was_searched_gives_thresholds_rates_seeds_and_versions():
    """Section 2 holds k, the measured false rate in percent, the seeds and the versions."""
    text = section(render(facts()), 2)
    for word in ("1.450", "0.71", "seeds 1, 2", "numpy 2.1.0", "Python 3.12.1", "300 trees", "0.4"):
        assert word in text


def test_many_sources_need_no_warning_and_few_get_one():
    """Below 50 the report says that a robust distance takes over, and what a rank then cannot mean."""
    assert "Few sources" not in render(facts())
    group = {
        "bands": ["MIRI F770W"],
        "n_sources": 9,
        "n_population": 7,
        "method": "robust_distance",
        "features": [],
    }
    text = render(facts(info=INFO | {"groups": [group]}))
    assert "**Few sources.**" in text
    assert "MIRI F770W (7)" in text
    assert "cannot say that such a source is rare" in text
    none = group | {"n_population": 3, "method": "none"}
    assert "With fewer than 5" in render(facts(info=INFO | {"groups": [none]}))


def test_found_shows_ranks_score_terms_and_linked_pictures():
    """Section 3: the table, the sum of each score with its true weights, the figure by a relative path."""
    text = section(render(facts()), 3)
    assert "![" in text
    assert "](../figures/cutouts/JWST_J150.00000+02.00000.png)" in text
    assert (
        "composite 0.800 = 0.444 × 0.950 (anomaly) + 0.333 × 0.700 (snr) + 0.222 × 0.900 (artifact)" in text
    )
    assert "not computed: consistency" in text
    assert "There is no figure of it." in text
    assert "| jw_a_i2d | NIRCAM F200W | detected | 25.0 | 120 ± 4.8 nJy |" in text
    assert "| jw_b_i2d | NIRCAM F200W | not covered | – |" in text
    assert "| conflict |" in text


def test_long_rankings_are_cut_and_say_so():
    """The table shows 50; the rest is in the CSV."""
    rows = [candidate(i, f"JWST J{i:03d}.00000+02.00000") for i in range(1, 81)]
    text = section(render(facts(candidates=rows, n_candidates=80, figures={}, views={}, states=[])), 3)
    assert "the first 50 of 80" in text
    assert "J050.00000" in text
    assert "J051.00000" not in text


def test_decisions_name_who_when_checks_and_notes():
    """Section 4: one row per vetter, five checks each, the note, and where vetters differ."""
    text = section(render(facts()), 4)
    (numbers, ada, conflict) = [line for line in text.splitlines() if "| ada |" in line]
    assert numbers == "| ada | 1 | 1 | – | 0.0 | 1 | 1 | 1 | 0 | interesting 1 |"
    for word in ("interesting", "| A |", "pass", "not run", "2030-01-02T03:04:05", "an arc", "0.800"):
        assert word in ada
    for word in ("interesting", "| A |", "2030-01-02T03:04:05", "an arc"):
        assert word in conflict
    assert "snowball" in text
    people, computed = [line for line in text.splitlines() if line.startswith("| catalogs |")]
    assert people.endswith("| people | 0 | 0 | 0 | 1 | 1 |")
    assert computed.endswith("| computed | 0 | 0 | 0 | 0 | 2 |")
    for check in CHECKS:
        assert f"| {check} |" in text


def test_nobody_decided_is_said():
    """No verdict is no silence."""
    assert "Nobody has decided anything yet." in render(facts(states=[]))


def test_not_checked_counts_every_check_not_run():
    """Section 5: undecided candidates, checks not run, catalogues not queried, frames that do not show it."""
    text = section(render(facts()), 5)
    assert "1 of 2 candidates have no label" in text
    assert "Of 2 candidates the check thresholds was computed for 0 and stated by people for 0." in text
    assert "Of 2 candidates the check catalogs was computed for 0 and stated by people for 1." in text
    assert "No catalogue was queried" in text
    (first,) = [line for line in text.splitlines() if NAMES[0] in line]
    assert first.endswith("| none | jw_b_i2d | none | none |")


def test_failed_files_mixed_calibrations_and_stale_rankings_are_told():
    """Each failure has its line with class and reason; what the ranking does not know is said."""
    frames = (
        frame("jw_a_i2d", cal_ver="1.8.2"),
        frame("jw_b_i2d", stage_key="newer", has_err=False, false_rate=0.25),
        frame("jw_c_i2d", state="failed", error_kind="truncated", error_reason="ends inside SCI"),
    )
    locations = {f.frame: f"data/products/{f.frame}.fits" for f in frames}
    info = INFO | {"coverage_unknown": {"jw_a_i2d": "unreadable"}}
    text = section(render(facts(frames=frames, locations=locations, info=info)), 5)
    assert "| data/products/jw_c_i2d.fits | truncated | ends inside SCI |" in text
    assert "CAL_VER is 1.20.2, 1.8.2" in text
    assert "more than 1 % are measured to be false" in text
    assert "jw_b_i2d (25 %)" in text
    assert "Measured since the ranking and not in it: jw_b_i2d" in text
    assert "No ERR plane, so that pixels were not judged by it: jw_b_i2d." in text
    assert "Whether jw_a_i2d covers a candidate is not known: unreadable." in text


def products(at):
    """Give products of every state."""
    return (
        ProductRecord("mast:JWST/product/a.fits", "a.fits", state="done", size=5760, sha256="e" * 64,
                      source="archive", finished_at=at),
        ProductRecord("mast:JWST/product/b.fits", "b.fits", state="already there", size=2880,
                      sha256="f" * 64, finished_at=at),
        ProductRecord("mast:JWST/product/c.fits", "c.fits", state="failed", size=8 * 10**8, filter="F200W",
                      reason="archive: the server answers 500", finished_at=at),
        ProductRecord("mast:JWST/product/d.fits", "d.fits", state="skipped", reason=TICKED_OFF),
        ProductRecord("mast:JWST/product/e.fits", "e.fits", state="skipped", reason="over max_files = 2"),
        ProductRecord("mast:JWST/product/f.fits", "f.fits"),
    )  # fmt: skip


def test_products_of_the_archive_are_told_with_uri_hash_and_cause():
    """Section 1: what was fetched from where; 5: what failed or was left, and why; 9: when."""
    text = render(facts(products=products("2030-01-01T05:06:07+00:00")))
    first, fifth, ninth = section(text, 1), section(text, 5), section(text, 9)
    assert f"| a.fits | mast:JWST/product/a.fits | 5760 | {'e' * 64} | archive |" in first
    assert f"| b.fits | mast:JWST/product/b.fits | 2880 | {'f' * 64} | on disk already |" in first
    assert "| c.fits | – | F200W | 3 | 0.800 | failed | archive: the server answers 500 |" in fifth
    assert "| d.fits | – | – | 3 | – | skipped | ticked off by a person |" in fifth
    assert "| skipped | over max_files = 2 |" in fifth
    assert "| not fetched yet | no download has come to it |" in fifth
    assert "- Time: a.fits was fetched at 2030-01-01T05:06:07+00:00." in ninth
    assert "Files from the archive" not in render(facts())


def test_a_second_run_tells_the_same_of_the_products():
    """Done or already there, fetched today or tomorrow: only lines of times change, whatever the order."""
    first = render(facts(products=products("2030-01-01T00:00:00+00:00"))).splitlines()
    again = [
        dataclasses.replace(r, state="already there") if r.state == "done" else r
        for r in reversed(products("2031-01-01T00:00:00+00:00"))
    ]
    second = render(facts(products=again)).splitlines()
    changed = [line for line, other in zip(first, second, strict=True) if line != other]
    assert len(changed) == 2
    assert all(line.startswith("- Time: ") for line in changed)


def test_redo_gives_configuration_hashes_and_commands(tmp_path):
    """The configuration loads, the hashes are in sha256sum's form, the command fits where the files lie."""
    from analysis.config import load

    text = section(render(facts(config=Config(target_name="A `b`", min_snr=7.5))), 6)
    pins, toml, hashes, shell = re.findall(r"^```+\w*\n(.*?)^```+$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "config.toml").write_text(toml)
    assert load(tmp_path / "config.toml") == Config(target_name="A `b`", min_snr=7.5)
    assert hashes.splitlines()[0] == "a" * 64 + "  data/products/jw_a_i2d.fits"
    assert pins == "# Python 3.12.1\nnumpy==2.1.0\n"
    assert shell == "jwst-vet images\njwst-vet rank\njwst-vet report\n"
    elsewhere = {"jw_a_i2d": "/x/a b.fits", "jw_b_i2d": "/x/b.fits"}
    assert "jwst-vet images '/x/a b.fits' /x/b.fits" in section(render(facts(locations=elsewhere)), 6)


def test_citations_cover_archive_and_software():
    """Whoever publishes finds whom to cite."""
    text = section(render(facts(products=products("2030-01-01T00:00:00+00:00"))), 7)
    for name in (
        "MAST",
        "astroquery",
        "SEP",
        "Astropy",
        "scikit-learn",
        "DuckDB",
        "Isolation Forest",
    ):
        assert name in text


def test_report_before_a_ranking_and_without_candidates():
    """Frames alone make a report too; an empty ranking is not a failure."""
    text = render(facts(info={}, candidates=[], n_candidates=0, views={}, figures={}, states=[]))
    assert "Nothing is ranked yet" in text
    text = render(facts(candidates=[], n_candidates=0, views={}, figures={}, states=[]))
    assert "there is no candidate" in text


def test_claims_candidates_only():
    """No word of the report says that anything was discovered."""
    text = render(facts()).lower().replace("not a discovery", "")
    assert not re.search(r"discover|new object|priority", text)


def test_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """A disk that fails in the middle leaves the old report and no draft."""
    path = tmp_path / "report" / "REPORT.md"
    write_whole(path, "old\n")

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(StoreError, match=r"REPORT\.md: not written: No space left"):
        write_whole(path, "new\n" * 1000)
    assert path.read_text() == "old\n"
    assert [p.name for p in path.parent.iterdir()] == ["REPORT.md"]


@pytest.mark.parametrize(
    ("target", "footprint", "name"),
    [
        ("SMACS-0723", "", "SMACS 0723"),
        ("ORIBAR", "POLYGON ICRS 110.83 -73.43 110.84 -73.43 110.84 -73.44 110.83 -73.44", "SMACS 0723"),
        ("ORIBAR", "POLYGON ICRS 83.83 -5.41 83.84 -5.41 83.84 -5.42 83.83 -5.42", "ORIBAR"),
        ("", "", "SMACS 0723"),
        ("", "POLYGON ICRS 83.83 -5.41 83.84 -5.41 83.84 -5.42", "images whose headers name no target"),
    ],
)
def test_report_is_named_after_what_was_searched(target, footprint, name):
    """The configured target is the title only of frames that are of it, by name or by place."""
    frame = FrameRecord("f", "f.fits", "0" * 64, 1, "done", target=target, footprint=footprint)
    assert field_name(Config(), [frame]) == name


def check_row(outcome, asked=(), name="methods"):
    """A computed check."""
    from analysis.checks.finding import Finding

    finding = Finding(name, outcome, "2 of 3", "two of them find it", (), tuple(asked))
    return CheckRow(
        NAMES[0], name, outcome, "2 of 3", "two of them find it", finding.to_json(), "key", "digest",
        "2030-01-04T00:00:00+00:00", 0.1,
    )  # fmt: skip


def test_a_candidate_has_its_checks_verdicts_and_notes_in_its_own_block():
    """Section 3: per candidate the number that decides each check, who said what of it, and every note."""
    computed = {NAMES[0]: {"methods": check_row("pass", ["sep: found"])}}
    text = section(render(facts(computed=computed)), 3)
    block = text[text.index(f"#### 1. {NAMES[0]}") : text.index(f"#### 2. {NAMES[1]}")]
    assert "| methods | pass | 2 of 3 | two of them find it | sep: found | – |" in block
    assert "| catalogs | not run | – | not computed |  | ada: pass; bob: fail |" in block
    assert "- ada, 2030-01-02T03:04:05+00:00, interesting grade A: an arc" in block
    assert "- bob, time unknown, artifact (snowball)" in block
    assert "Nobody has decided on it." in text[text.index(f"#### 2. {NAMES[1]}") :]


def test_an_interesting_candidate_far_down_has_a_block_too():
    """The first twelve, and whoever somebody found interesting, at whatever rank."""
    rows = [candidate(n + 1, f"JWST J{n:03}") for n in range(30)]
    states = [
        VerdictState("JWST J029", "ada", label="interesting"),
        VerdictState("JWST J020", "ada", label="known"),
    ]
    text = section(render(facts(candidates=rows, n_candidates=30, states=states, views={}, figures={})), 3)
    found = re.findall(r"^#### (\d+)\.", text, re.MULTILINE)
    assert found == [str(n + 1) for n in range(12)] + ["30"]


def test_the_selection_is_told_in_numbers_with_what_each_step_lost():
    """Lost is counted between steps that count the same things."""
    steps = [Step("measured", 300, "sources"), Step("joined", 250, "objects"), Step("S/N", 100, "objects")]
    text = section(render(facts(steps=steps)), 3)
    for line in (
        "| measured | sources | 300 | – |",
        "| joined | objects | 250 | – |",
        "| S/N | objects | 100 | 150 |",
    ):
        assert line in text


def test_vetters_are_told_in_numbers():
    """Labels, left, median seconds, minutes in all, checks stated, those that differ from the computed."""
    computed = {NAMES[0]: {"methods": check_row("pass"), "catalogs": check_row("fail", name="catalogs")}}
    states = [
        VerdictState(
            NAMES[0], "ada", label="known", seconds=30.0, checks={"methods": "fail", "catalogs": "fail"}
        ),
        VerdictState(NAMES[1], "ada", label="ordinary", seconds=10.0, checks={"methods": "not run"}),
        VerdictState("JWST gone", "ada", label="ordinary", seconds=20.0),
    ]
    text = section(render(facts(computed=computed, states=states)), 4)
    assert "| ada | 3 | 0 | 20 | 1.0 | 0 | 0 | 2 | 1 | known 1, ordinary 2 |" in text


def test_depth_and_footprint_are_told_per_filter():
    """Section 1: the least and the most depth of a band; corners on the sky, once where frames share them."""
    corners = "POLYGON ICRS  1.0 2.0 1.1 2.0 1.1 2.1"
    frames = (
        frame("jw_a_i2d", footprint=corners),
        frame("jw_b_i2d", footprint=corners, depth_5sigma_mag=28.1),
    )
    text = section(render(facts(frames=frames)), 1)
    assert "| NIRCAM | F200W | 2 | 2.5000 | 28.10 to 28.90 | 300 |" in text
    assert "| POLYGON ICRS 1.0 2.0 1.1 2.0 1.1 2.1 | jw_a_i2d, jw_b_i2d |" in text


def test_citations_are_of_what_was_used_and_of_nothing_else():
    """Simulated images are not JWST's; a catalogue is cited where it answered, not where it was silent."""
    simulated = facts(frames=[frame(f"jw_{x}_i2d", simulated=True) for x in "ab"])
    text = section(render(simulated), 7)
    for name in ("MAST", "Calibration Pipeline", "astroquery", "SIMBAD", "Gaia", "photutils"):
        assert name not in text
    asked = (
        "SIMBAD (as of the day asked): searched 2″ or more (x), 3 entries around",
        "Gaia: no answer: slow",
    )
    computed = {NAMES[0]: {"catalogs": check_row("pass", asked, "catalogs")}}
    text = section(render(facts(computed=computed)), 7)
    assert "Wenger" in text
    assert "Gaia" not in text
    assert "MAST" in text
    none = INFO | {"groups": [INFO["groups"][0] | {"method": "robust_distance"}]}
    assert "Isolation Forest" not in section(render(facts(info=none)), 7)


def test_redo_holds_spectra_checks_and_completeness_where_they_were_done():
    """Every stage that made the report is among the commands, every file among the hashes."""
    files = [
        SpectrumFileRecord(
            file="s_x1d", path="/x/s_x1d.fits", sha256="b" * 64, bytes=1, mtime_ns=1, state="done"
        )
    ]
    text = section(
        render(
            facts(
                spectrum_files=files,
                spectrum_locations={"s_x1d": "data/products/s_x1d.fits"},
                computed={NAMES[0]: {"methods": check_row("pass")}},
            )
        ),
        6,
    )
    assert f"{'b' * 64}  data/products/s_x1d.fits" in text
    assert "jwst-vet images\njwst-vet spectra\njwst-vet rank\njwst-vet checks\njwst-vet report\n" in text


def entry(rank, label="", **checks):
    return Entry(rank, 0.5, label, dict.fromkeys(CHECKS, "not run") | checks)


def test_what_changed_since_the_last_report():
    """Who entered, who left, whose rank, label or check changed; small moves are not told."""
    assert "There is no earlier report here" in section(render(facts()), 8)
    before = {NAMES[0]: entry(9, methods="fail"), "JWST gone": entry(3, "known"), "JWST J1": entry(1)}
    now = [*facts().candidates, candidate(3, "JWST J1")]
    text = section(render(facts(candidates=now, n_candidates=3, before=before)), 8)
    assert "1 entered, 1 left and 2 changed" not in text
    assert "1 entered, 1 left and 1 changed" in text
    assert f"- {NAMES[1]}, rank 2, undecided" in text
    assert "- JWST gone, rank 3, known" in text
    assert f"| {NAMES[0]} | rank 9 to 1; label undecided to conflict; methods fail to not run |" in text
    same = changes.snapshot(facts())
    assert "Nothing: ranks" in section(render(facts(before=same)), 8)


def test_what_is_kept_for_the_next_report_comes_back_and_stays_while_nothing_changes():
    """The same report again compares with the same one as before; a different one with the last."""
    first, second = {"a": entry(1)}, {"a": entry(2), HOSTILE: entry(1, "known")}
    kept = changes.Kept(first, "t1")
    assert kept.then(dict(first), "t2") == kept
    later = kept.then(second, "t3")
    assert (later.before, later.before_at) == (first, "t1")
    assert changes.from_json(changes.as_json(later)) == later
    assert changes.from_json(changes.as_json(kept)) == kept
    for text in ("", "{}", "[1]", '{"now": 1, "before": null}'):
        with pytest.raises(ValueError):
            changes.from_json(text)
