"""The journal: durable lines, checksums, order, and what is said of lines that are damaged."""

import contextlib
import json
import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import journal
from store.journal import Journal, JournalError, Line, Problem, decode, encode, read_journal, standing
from store.ulid import next_ulid

texts = st.text(st.characters(), max_size=60)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
lines = st.builds(
    Line,
    id=st.integers(0, 10**20).map("{:026d}".format),
    at=st.just("2026-11-23T00:00:00.000+00:00"),
    vetter=st.just("ann"),
    action=st.sampled_from(journal.ACTIONS),
    candidate=texts,
    ra=numbers,
    dec=numbers,
    payload=st.dictionaries(texts, texts | numbers | st.booleans(), max_size=3),
    rank=st.none() | st.integers(0, 10**6),
    score=numbers,
)


@pytest.fixture
def pen(tmp_path):
    return Journal(tmp_path / "verdicts", "ann", "0.1.0")


def write(pen, count):
    return [pen.append(action="label", candidate=f"C{i}", payload={"label": "known"}) for i in range(count)]


@given(lines)
def test_a_line_reads_back_as_it_was_written(line):
    """encode and decode are inverse for any text and number, on one row without a newline inside."""
    raw = encode(line)
    assert raw.count(b"\n") == 1
    assert decode(raw) == line


@given(lines, st.data())
@settings(max_examples=300)
def test_a_flipped_bit_is_never_taken_for_another_decision(line, data):
    """A damaged line is refused, or (another spelling of the same JSON) says the same."""
    raw = bytearray(encode(line).rstrip(b"\n"))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(JournalError):
        assert decode(bytes(raw)) == line


def test_append_keeps_every_field(pen):
    """What is appended is what is read, in order."""
    first = pen.append(
        action="note",
        candidate="JWST J110.83751-73.43968",
        ra=110.83751,
        dec=-73.43968,
        payload={"text": 'ring? "é" \u2028 = SUM(A1), \ud800'},
        rank=3,
        score=0.75,
        seconds=2.5,
    )
    second = pen.append(action="undo", candidate="JWST J110.83751-73.43968", undoes=first.id)
    assert read_journal(pen.path) == ([first, second], [])
    assert (first.host, first.pid, first.version, first.v) == (second.host, os.getpid(), "0.1.0", 1)


def test_not_measured_is_written_as_null(pen):
    """NaN is no JSON: it is kept as null."""
    line = pen.append(action="note", candidate="C", ra=float("nan"), dec=float("inf"), payload={"text": ""})
    assert (line.ra, line.dec) == (None, None)
    assert json.loads(pen.path.read_bytes())["ra"] is None


def test_ids_rise_though_the_clock_goes_back(tmp_path):
    """Order of time holds in a file whatever the clock does, over restarts too."""
    clock = iter([100.0, 100.0, 50.0, 100.0])
    pens = [Journal(tmp_path, "ann", clock=lambda: next(clock)) for _ in range(4)]
    ids = [pen.append(action="note", candidate="C").id for pen in pens]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("torn", [b'{"v":1', b"\x00\x00\x00\x00", b"\xff\xfe", b"[1", b"7"])
def test_a_torn_end_spoils_nothing_but_itself(pen, torn):
    """After a crash in mid-line the next line starts afresh; the torn one is reported by its number."""
    kept = write(pen, 2)
    with pen.path.open("ab") as file:
        file.write(torn)
    kept += write(pen, 1)
    found, problems = read_journal(pen.path)
    assert found == kept
    assert [problem.line_number for problem in problems] == [3]


def test_a_whole_last_line_without_its_newline_counts(pen):
    """An editor that drops the last newline loses no decision."""
    kept = write(pen, 2)
    pen.path.write_bytes(pen.path.read_bytes().rstrip(b"\n"))
    kept += write(pen, 1)
    assert read_journal(pen.path) == (kept, [])


def test_garbled_lines_are_reported_and_the_others_kept(pen):
    """One bad line in the middle costs itself."""
    kept = write(pen, 5)
    rows = pen.path.read_bytes().split(b"\n")
    rows[1] = rows[1].replace(b'"known"', b'"knowm"')
    rows[3] = rows[3][:40]
    pen.path.write_bytes(b"\n".join(rows))
    found, problems = read_journal(pen.path)
    assert found == [kept[0], kept[2], kept[4]]
    path = str(pen.path)
    assert problems == [
        Problem(2, "its checksum does not fit", path),
        Problem(4, "not a whole line of JSON", path),
    ]
    assert str(problems[0]) == f"{path}: line 2: its checksum does not fit"


def test_swapped_lines_are_put_back_in_order_and_reported(pen):
    """Two lines that changed places count in the order of their time."""
    kept = write(pen, 4)
    rows = pen.path.read_bytes().split(b"\n")
    rows[1], rows[2] = rows[2], rows[1]
    pen.path.write_bytes(b"\n".join(rows))
    found, problems = read_journal(pen.path)
    assert found == kept
    assert [(p.line_number, p.reason) for p in problems] == [(3, "out of order; put back in order of time")]


def test_repeated_lines_count_once_and_are_reported(pen):
    """A file merged with itself decides nothing twice."""
    kept = write(pen, 2)
    pen.path.write_bytes(pen.path.read_bytes() * 2)
    found, problems = read_journal(pen.path)
    assert found == kept
    assert [p.line_number for p in problems if "repeated" in p.reason] == [3, 4]


def test_a_line_of_a_later_format_is_not_guessed_at():
    """A format that this program does not know is a problem, not a decision."""
    line = Line(id=next_ulid(1), at="", vetter="ann", action="label", candidate="C", v=2)
    with pytest.raises(JournalError, match="format 2"):
        decode(encode(line))


def test_a_missing_journal_is_empty(tmp_path):
    """Nobody decided anything yet: no lines, no problems."""
    assert read_journal(tmp_path / "nobody.jsonl") == ([], [])


@pytest.mark.parametrize("vetter", ["", "a b", "../up", "a/b", "x" * 65, "é"])
def test_a_vetter_is_a_plain_name(tmp_path, vetter):
    """The name of a vetter is the name of a file: nothing else is taken."""
    with pytest.raises(JournalError, match="1 to 64"):
        Journal(tmp_path, vetter)


@pytest.mark.parametrize("written", [0, 40])
def test_a_line_that_reached_the_disk_in_part_is_taken_back_and_refused(pen, monkeypatch, written):
    """With the disk full nothing is acknowledged, the file is as before, and the next decision works."""
    kept = write(pen, 2)
    before = pen.path.read_bytes()
    real = os.write

    def full(descriptor, data):
        if written and len(data) > written:
            return real(descriptor, data[:written])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "write", full)
        with pytest.raises(JournalError, match="No space left"):
            write(pen, 1)
    assert pen.path.read_bytes() == before
    kept += write(pen, 1)
    assert read_journal(pen.path) == (kept, [])


def test_a_failed_fsync_is_not_an_acknowledgement(pen, monkeypatch):
    """A line whose way to the disk failed is refused and taken out of the file."""
    kept = write(pen, 1)

    def broken(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "fsync", broken)
        with pytest.raises(JournalError, match="Input/output"):
            write(pen, 1)
    assert read_journal(pen.path) == (kept, [])


def test_threads_append_whole_lines(pen):
    """Several threads write at once: every line whole, every id once."""
    threads = [threading.Thread(target=write, args=(pen, 20)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found, problems = read_journal(pen.path)
    assert (len(found), problems) == (80, [])


def test_redo_after_a_new_decision_restores_nothing(pen):
    """A decision made after an undo ends what could be redone, even if a redo line was written."""
    first, second = write(pen, 2)
    undo = pen.append(action="undo", candidate="C1", undoes=second.id)
    third = write(pen, 1)[0]
    pen.append(action="redo", candidate="C1", undoes=undo.id)
    assert standing(read_journal(pen.path)[0]) == [first, third]


def test_an_undo_of_a_lost_line_takes_back_nothing_else(pen):
    """Where the line that was undone is garbled, the others stand."""
    first, second = write(pen, 2)
    pen.append(action="undo", candidate="C1", undoes=second.id)
    rows = pen.path.read_bytes().split(b"\n")
    rows[1] = b"garbage"
    pen.path.write_bytes(b"\n".join(rows))
    assert standing(read_journal(pen.path)[0]) == [first]
