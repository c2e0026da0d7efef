#!/usr/bin/env python3
"""Set up an environment in .venv and run jwst-vet or its tests; needs Python and pip, nothing else.

python3 bootstrap.py demo       the demo: any command of jwst-vet may stand here
python3 bootstrap.py test       style, types, import contracts, tests; further words go to pytest alone
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PACKAGES = ("tui", "analysis", "store")
CHECKS = (
    ("style", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy"]),
    ("import contracts", ["lint-imports"]),
)


def main() -> int:
    """Set up what is missing, then do what was asked."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if words else 2
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is started by whatever python3 is
        print(f"bootstrap: Python 3.11 or newer is needed; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    testing = words[0] == "test"
    failed = set_up("test" if testing else "")
    if failed:
        return failed
    if testing:
        return run_tests(words[1:])
    program = str(BIN / "jwst-vet")
    return subprocess.call([program, *words])


def set_up(extra: str) -> int:
    """Make .venv and install into it, unless the same was installed before."""
    inputs = [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in inputs) + sys.version.encode()).hexdigest()
    stamp = VENV / "installed"
    done = stamp.read_text().split() if stamp.exists() else []
    if done[:1] == [digest] and (not extra or extra in done):
        return 0
    print(f"setting up {VENV} (about a minute)", file=sys.stderr, flush=True)
    pip = make_venv()
    if pip is None:
        print(
            "bootstrap: this Python has neither ensurepip nor pip; install pip, then try again",
            file=sys.stderr,
        )
        return 2
    what = f"{ROOT}[{extra}]" if extra else str(ROOT)
    options = ["--quiet", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
    code = subprocess.call([*pip, "install", *options, "-e", what])
    if code:
        print("bootstrap: the installation failed; the lines above say why", file=sys.stderr)
        return code
    # An editable installation leaves this out: where no bytecode may be written, every start would compile.
    subprocess.call([str(BIN / "python"), "-m", "compileall", "-q", *(str(ROOT / name) for name in PACKAGES)])
    stamp.write_text(" ".join([digest, *dict.fromkeys([*(done[1:] if done[:1] == [digest] else []), extra])]))
    return 0


def make_venv() -> list[str] | None:
    """Make the environment and return the words that start a pip for it; None where there is no pip."""
    python = str(BIN / "python")
    if importlib.util.find_spec("ensurepip"):
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", str(VENV)])
        return [python, "-m", "pip"]
    if importlib.util.find_spec("pip"):  # as on Debian without python3-venv
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)])
        return [sys.executable, "-m", "pip", "--python", python]
    return None


def run_tests(words: list[str]) -> int:
    """Run every check, the tests last; with words only the tests, with those words."""
    os.chdir(ROOT)
    worst = 0
    for name, command in () if words else CHECKS:
        print(f"== {name}", flush=True)
        worst = subprocess.call([str(BIN / command[0]), *command[1:]]) or worst
    print("== tests", flush=True)
    return subprocess.call([str(BIN / "pytest"), "-q", "-n", "auto", *words]) or worst


if __name__ == "__main__":
    sys.exit(main())
