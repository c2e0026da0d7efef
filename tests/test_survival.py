"""Runs that outlive logout, reboot and other hosts; network disks; workers that die or want too much."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import store
from analysis.executors import WorkerDied, run_tasks
from analysis.memory import LEAST_BYTES, allot, available_bytes
from store.filesystem import file_system
from store.project import Project, StoreError
from store.runs import RunLog, list_runs
from tui.following import Follower
from tui.lingering import SCOPE, at_logout
from tui.processes import stop_run

ROOT = Path(store.__file__).parents[1]


def end_by(number, deadly, mark):
    """End this process by a signal where deadly, else leave a mark."""
    if deadly:
        os.kill(os.getpid(), number)
    Path(mark).touch()


def take(gigabytes, mark):
    """Ask for memory and fill it."""
    block = bytearray(int(gigabytes * 1e9))
    Path(mark).touch()
    return len(block)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGBUS, signal.SIGSEGV])
def test_r28_a_worker_ended_by_a_signal_costs_one_task_and_says_which(tmp_path, number):
    """Tried once with others and once alone, then failed with the signal; all others complete."""
    tasks = {str(n): (end_by, (number, n == 2, str(tmp_path / str(n)))) for n in range(7)}
    outcomes = {outcome.key: outcome for outcome in run_tasks(tasks, 2)}
    assert sorted(outcomes) == sorted(tasks)
    assert isinstance(outcomes["2"].error, WorkerDied)
    assert number.name in str(outcomes["2"].error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "3", "4", "5", "6"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="macOS does not bound a process's data")
def test_r28_a_worker_that_wants_too_much_memory_fails_by_itself(tmp_path):
    """Beyond its bound a worker has MemoryError, not the machine; the next task finds it working."""
    tasks = {
        name: (take, (size, str(tmp_path / name))) for name, size in (("a", 0.1), ("big", 4.0), ("b", 0.1))
    }
    outcomes = {o.key: o for o in run_tasks(tasks, 1, bytes_each=1_500_000_000)}
    assert isinstance(outcomes["big"].error, MemoryError)
    assert (outcomes["a"].value, outcomes["b"].value) == (100_000_000, 100_000_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def machine(root, free_kb, limit="max", used=0):
    """A made-up machine's memory."""
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(f"MemTotal: 99999999 kB\nMemAvailable: {free_kb} kB\n")
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/memory.max").write_text(f"{limit}\n")
    (root / "sys/fs/cgroup/memory.current").write_text(f"{used}\n")
    return root


def test_r28_memory_is_shared_out_before_the_start(tmp_path):
    """As many workers as fit; fewer are said; the control group's limit counts."""
    root = machine(tmp_path, 8_000_000, limit=5_000_000_000, used=1_000_000_000)
    assert available_bytes(root) == 4_000_000_000
    assert allot(2, 0, root).workers == 2
    assert allot(2, 0, root).bytes_each == 2_000_000_000
    less = allot(8, 0, root)
    assert less.workers == 2
    assert "2 of 8 workers" in less.note
    assert allot(2, 1.6, root).workers == 1
    tight = allot(2, 0.5, root)
    assert (tight.workers, tight.bytes_each) == (1, LEAST_BYTES)
    assert "large frames may fail" in tight.note
    assert available_bytes() > 0


def host(root, kills="yes", session=True, lingers=False, extra=""):
    """A made-up host's logind."""
    (root / "etc/systemd/logind.conf.d").mkdir(parents=True)
    (root / "etc/systemd/logind.conf").write_text("[Login]\n#KillUserProcesses=no\n")
    (root / "etc/systemd/logind.conf.d/10-site.conf").write_text(
        f"[Login]\nKillUserProcesses={kills}\n{extra}\n"
    )
    (root / "proc/self").mkdir(parents=True)
    scope = "user-7.slice/session-3.scope" if session else "system.slice/sshd.service"
    (root / "proc/self/cgroup").write_text(f"0::/user.slice/{scope}\n")
    if lingers:
        (root / "var/lib/systemd/linger").mkdir(parents=True)
        (root / "var/lib/systemd/linger/ann").touch()
    return root


def test_a_host_that_ends_processes_at_logout_is_recognised(tmp_path):
    """KillUserProcesses: said with the remedy; with lingering the run is started in a scope of its own."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / SCOPE[0]).write_text("#!/bin/sh\n")
    (tools / SCOPE[0]).chmod(0o755)
    reach = {"PATH": str(tools), "XDG_RUNTIME_DIR": "/run/user/7"}
    found = at_logout(host(tmp_path / "a"), "ann", reach)
    assert found.ends_runs
    assert "enable-linger" in found.warning
    assert at_logout(host(tmp_path / "b", lingers=True), "ann", reach).launcher == SCOPE
    no_bus = at_logout(host(tmp_path / "c", lingers=True), "ann", {"PATH": str(tools)})
    assert no_bus.ends_runs
    assert "systemd-run" in no_bus.warning
    for number, other in enumerate(
        [
            {"kills": "no"},
            {"session": False},
            {"extra": "KillExcludeUsers=root ann"},
            {"extra": "KillOnlyUsers=bob"},
        ]
    ):
        assert at_logout(host(tmp_path / f"d{number}", **other), "ann", reach) == at_logout(
            tmp_path / "none", "ann"
        )


MOUNTS = """21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /home rw,noatime shared:2 - nfs4 server:/export/home rw,vers=4.2
31 21 0:41 / /mnt/my\\040disk ro,relatime shared:3 - xfs /dev/sdb1 ro
"""


def test_r33_a_network_file_system_is_recognised_and_said(tmp_path):
    """The longest mount that holds the path counts; its type decides; blanks in names are read."""
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS)
    there = file_system(Path("/home/ann/field"), table)
    assert (there.kind, there.read_only) == ("nfs4", False)
    assert "one host at a time" in there.warning
    assert "\n" not in there.warning
    assert file_system(Path("/var/tmp"), table).warning == ""
    assert file_system(Path("/mnt/my disk/field"), table).read_only
    assert file_system(Path("/"), tmp_path / "absent") is None


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_a_run_of_before_the_reboot_is_interrupted_and_says_so(project):
    """Another boot of the same host: interrupted, with its reason, in list and view."""
    log = RunLog(project, "20261124T000000Z-0001")
    log.emit({"event": "run_started", "boot_id": "the one before", "stages": ["images"]})
    (state,) = list_runs(project)
    assert (state.state, state.text) == ("interrupted", "the machine was started again while it ran")
    view = Follower(project, log.run_id).poll()
    assert (view.state, view.text) == ("interrupted", state.text)


def test_status_says_how_an_interrupted_run_goes_on(jwst_vet, project_folder):
    """The one command that resumes it."""
    RunLog(Project(project_folder), "20261124T000000Z-0001").emit(
        {"event": "run_started", "boot_id": "before"}
    )
    shown = jwst_vet("status", cwd=project_folder).stdout
    assert "interrupted" in shown
    assert "the machine was started again" in shown
    assert "`jwst-vet run` goes on with what is left" in shown


def test_a_run_on_another_host_is_not_stopped_by_its_number(project, monkeypatch):
    """Its process number means another process here."""
    RunLog(project, "20261124T000000Z-0001").emit({"event": "run_started", "host": "elsewhere"})
    with pytest.raises(StoreError, match="on the host elsewhere"):
        stop_run(project)


def test_events_that_cannot_be_written_are_one_line(project, monkeypatch):
    """The disk is full under the run's log: the file, the reason, what goes on from there."""
    log = RunLog(project, "20261124T000000Z-0001")

    def full(_row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "_append", full)
    with pytest.raises(StoreError, match=r"events\.jsonl: .*No space left.*`jwst-vet run` goes on"):
        log.emit({"event": "note"})


ENDS_ITSELF = """
import signal, sys
from tui.processes import settle
import os
before = os.nice(0)
settle()
os.kill(os.getpid(), signal.SIGHUP)
print(os.nice(0), signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)
"""


def test_a_detached_run_is_polite_and_deaf_to_the_terminal(tmp_path):
    """Niced, and a hangup does not reach it."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS_ITSELF], cwd=ROOT, capture_output=True, text=True, check=True
    )
    nice, deaf = done.stdout.split()
    assert int(nice) >= 5
    assert deaf == "True"
