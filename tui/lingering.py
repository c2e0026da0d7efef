"""Whether a run outlives the logout: hosts that end a user's processes are recognised, what helps is said."""

from __future__ import annotations

import configparser
import getpass
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDERS = ("usr/lib/systemd", "lib/systemd", "run/systemd", "etc/systemd")
SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect")


@dataclass(frozen=True)
class Logout:
    """What happens to a run at logout: the words that start it so that it stays, and what to tell first."""

    ends_runs: bool = False
    launcher: tuple[str, ...] = ()
    warning: str = ""


def at_logout(root: Path = Path("/"), user: str = "", environment: Mapping[str, str] = os.environ) -> Logout:
    """Tell what becomes of a run when its user logs out.

    systemd-logind ends everything in a session's scope where KillUserProcesses is set (logind.conf(5)); a
    scope of the user's own manager stays, as long as that manager lingers (loginctl(1), enable-linger).
    """
    user = user or getpass.getuser()
    if not _in_session(root) or not _kills(root, user):
        return Logout()
    if not (root / "var/lib/systemd/linger" / user).exists():
        return Logout(
            ends_runs=True,
            warning="this host ends your processes when you log out (KillUserProcesses), tmux and runs too: "
            "`loginctl enable-linger` lets them go on; without it the run ends then, and `jwst-vet run` goes "
            "on from the last frame",
        )
    if shutil.which(SCOPE[0], path=environment.get("PATH")) and environment.get("XDG_RUNTIME_DIR"):
        return Logout(launcher=SCOPE)
    return Logout(
        ends_runs=True,
        warning="this host ends your processes when you log out (KillUserProcesses), and systemd-run cannot "
        "be reached from here: the run ends at logout, and `jwst-vet run` goes on from the last frame",
    )


def _in_session(root: Path) -> bool:
    """Tell whether this process belongs to a login session's scope."""
    try:
        return "/session-" in (root / "proc/self/cgroup").read_text()
    except OSError:  # no such table, as on macOS
        return False


def _kills(root: Path, user: str) -> bool:
    """Read logind's configuration as it reads it: the last file that says something decides."""
    said: dict[str, str] = {}
    for path in _files(root):
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read_string(path.read_text(errors="replace"))
        except (configparser.Error, OSError):
            continue  # what cannot be read here, logind may read; nothing is known from it
        if parser.has_section("Login"):
            said |= {key: value or "" for key, value in parser.items("Login")}
    kills = said.get("killuserprocesses", "no").lower() in {"yes", "true", "1", "on"}
    only, excluded = said.get("killonlyusers", "").split(), said.get("killexcludeusers", "root").split()
    return kills and user not in excluded and (not only or user in only)


def _files(root: Path) -> Iterator[Path]:
    for folder in _FOLDERS:
        path = root / folder / "logind.conf"
        if path.is_file():
            yield path
    drops = [path for folder in _FOLDERS for path in (root / folder / "logind.conf.d").glob("*.conf")]
    yield from sorted(drops, key=lambda path: path.name)
