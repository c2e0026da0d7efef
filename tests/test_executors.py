"""Worker processes: every task ends in one outcome, and a worker that dies costs one task."""

import os
import signal
import time
from pathlib import Path

import pytest

from analysis.executors import WorkerDied, crew, report, run_tasks, worker_count


def double(number):
    """Twice the number."""
    report(str(number), 1, 1)
    return 2 * number


def divide(number):
    """A task that raises for 0."""
    return 1 / number


def die_or_mark(path, deadly):
    """Kill this process where deadly, else leave a mark."""
    if deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    Path(path).touch()
    return path


def test_each_task_gives_its_value_and_its_progress():
    """Values come back under their keys; what workers report arrives."""
    seen = []
    outcomes = list(
        run_tasks({str(n): (double, (n,)) for n in range(5)}, 2, progress=lambda *facts: seen.append(facts))
    )
    assert {o.key: o.value for o in outcomes} == {str(n): 2 * n for n in range(5)}
    assert all(part == (name, 1, 1) for part in seen for name in [part[0]])


def test_error_stays_with_its_task():
    """One task that raises leaves the others alone."""
    outcomes = {o.key: o for o in run_tasks({str(n): (divide, (n,)) for n in (0, 1, 2)}, 2)}
    assert isinstance(outcomes["0"].error, ZeroDivisionError)
    assert outcomes["1"].value == 1
    assert outcomes["2"].value == 0.5


def test_killed_worker_costs_only_its_task(tmp_path):
    """The task that kills its process is tried alone once, then reported; every other one completes."""
    tasks = {str(n): (die_or_mark, (str(tmp_path / str(n)), n == 3)) for n in range(6)}
    outcomes = {o.key: o for o in run_tasks(tasks, 2)}
    assert set(outcomes) == set(tasks)
    assert isinstance(outcomes["3"].error, WorkerDied)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1", "2", "4", "5"]


def test_stopping_drops_what_has_not_begun():
    """Once asked to stop, tasks not begun are left out and the call returns."""
    began = time.monotonic()
    outcomes = list(run_tasks({str(n): (double, (n,)) for n in range(1000)}, 1, stopping=lambda: True))
    assert outcomes == []
    assert time.monotonic() - began < 30


def test_worker_count_is_given_or_the_cores():
    """A number is taken as it is; 0 means the cores this process may use."""
    assert worker_count(3) == 3
    assert 1 <= worker_count(0) <= (os.cpu_count() or 1)


def test_a_crew_gives_results_in_order_and_raises_what_a_part_raised():
    """Two processes, kept from one call to the next."""
    with crew(2) as share:
        assert list(share(double, [(n,) for n in range(7)])) == [2 * n for n in range(7)]
        with pytest.raises(ZeroDivisionError):
            list(share(divide, [(1,), (0,)]))
        assert list(share(divide, [(4,)])) == [0.25]


def test_a_crew_that_loses_a_process_says_so(tmp_path):
    """A killed part is `WorkerDied`, which the images stage answers by measuring the frame alone."""
    with crew(1) as share, pytest.raises(WorkerDied):
        list(share(die_or_mark, [(str(tmp_path / "a"), True)]))
