"""A whole session in a real tmux: walking, deciding, copying, links, resizing, leaving; what is on disk."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from test_pty import COMMAND, NOT_OURS, PATIENCE, labels
from vet_project import make_vet_project, name_of

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """A tmux server of its own with the app in its only window."""

    def __init__(self, root, folder, size=(80, 24)):
        self.tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        environment = {k: v for k, v in os.environ.items() if k not in NOT_OURS}
        environment["XDG_STATE_HOME"] = str(folder / "state")
        command = " ".join([sys.executable, *COMMAND, "-C", str(root)])
        width, height = map(str, size)
        self.call("new-session", "-d", "-x", width, "-y", height, command, env=environment)

    def call(self, *words, **more):
        """Run one command of tmux and give what it printed."""
        done = subprocess.run([*self.tmux, *words], capture_output=True, text=True, check=False, **more)
        return done.stdout

    def until(self, words, *, gone=""):
        """Wait until some words are on the pane and others are not, and give it."""
        end = time.monotonic() + 3 * PATIENCE
        while words not in (text := self.call("capture-pane", "-p")) or (gone and gone in text):
            assert time.monotonic() < end, f"never showed {words!r}:\n{text}"
            time.sleep(0.05)  # tmux tells nobody that a pane changed
        return text

    def type(self, keys, words, *, gone=""):
        """Type one key, and wait for words to come and others to go."""
        self.call("send-keys", keys)
        return self.until(words, gone=gone)

    def gone(self):
        """Wait until the window is gone, and its server with it."""
        end = time.monotonic() + 3 * PATIENCE
        while self.call("capture-pane", "-p"):
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def project(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")[0]


def test_a_session(project, tmp_path):
    """From the first key to the last one."""
    tmux = Tmux(project.root, tmp_path)
    try:
        tmux.until("12 left")
        assert "▀" in tmux.until("▀")
        tmux.type("j", "#2 JWST")
        tmux.type("c", "copied, and into tmux's buffer")
        assert tmux.call("show-buffer") == f"{name_of(1)} 110.8000100 -73.4000100"
        tmux.type("y", "saved: interesting")
        tmux.type("x", "which kind?")
        tmux.type("3", "saved: artefact: snowball")
        tmux.type("z", "undo: artefact: snowball")
        tmux.type("l", "simbad.cds.unistra.fr")
        tmux.type("1", "copied")
        assert tmux.call("show-buffer").startswith("https://mast.stsci.edu/")
        tmux.type("Escape", "1 decided", gone="simbad")
        tmux.type("r", "No run yet")
        tmux.type("c", "target_name")
        tmux.type("Escape", "No run yet", gone="target_name")
        tmux.type("Escape", "1 decided", gone="No run yet")
        tmux.call("resize-window", "-x", "50", "-y", "16")
        tmux.until("Terminal too small")
        tmux.call("resize-window", "-x", "200", "-y", "60")
        # Wide enough for the words that narrow headings leave out.
        tmux.until("no artefact", gone="Terminal too small")
        end = time.monotonic() + PATIENCE
        while max(map(len, tmux.until("1 decided").splitlines())) <= 150:
            assert time.monotonic() < end, "never as wide as the window"
            time.sleep(0.05)  # tmux tells nobody that a pane changed
        tmux.call("resize-window", "-x", "80", "-y", "24")
        tmux.type("u", "saved: discuss")
        tmux.call("send-keys", "q")
        tmux.gone()
    finally:
        tmux.call("kill-server")
    assert [(action, payload.get("label")) for action, _, payload in labels(project)] == [
        ("label", "interesting"),
        ("label", "artifact"),
        ("undo", "artifact"),
        ("label", "discuss"),
    ]


def test_a_session_goes_on_after_detaching(project, tmp_path):
    """What was shown is there again for the next client, and nothing was decided meanwhile."""
    tmux = Tmux(project.root, tmp_path)
    try:
        tmux.until("12 left")
        tmux.type("y", "saved: interesting")
        tmux.call("detach-client")
        tmux.until("1 decided 11 left")
        tmux.type("n", "saved: ordinary")
    finally:
        tmux.call("kill-server")
    assert len(labels(project)) == 2
