"""Ten candidates vetted by somebody who knows no key: only those that footer, `?` and modals print."""

import re

import pytest
from test_pty import Terminal, labels
from vet_project import make_vet_project, name_of

HELP_LINE = re.compile(r"│ {2,3}(\S+(?: \S+)*?) {2,}(\S.*?) {2,}(\w+) *.? *│")


class Reader:
    """Somebody at the terminal who types only what was read on it."""

    def __init__(self, app):
        self.app = app
        self.printed = {}

    def read_footer(self):
        """Take the keys of the last line, each with its word."""
        for printed in self.app.text.splitlines()[-1].strip().split("  "):
            key, words = printed.split(" ", 1)
            self.printed[words] = key
        return self.printed

    def read_help(self, query, words):
        """Search the help and take the keys it prints, by the names that [keys] has for them."""
        self.press(self.printed["help"], "type to search")
        self.app.type(query, words)  # the help says: type to search
        self.app.until("one page down", gone=True)
        self.app.until_quiet()
        for keys, _help, name in HELP_LINE.findall(self.app.text):
            self.printed[name] = keys.split()[0]
        self.app.child.send("\x1b")  # the help says: esc: back
        self.app.until("type to search", gone=True)

    def press(self, key, words):
        """Press a key that is on the record of what was printed, and wait for the words."""
        assert key in self.printed.values(), f"{key!r} was never printed: {self.printed}"
        assert len(key) == 1
        self.app.type(key, words)


class Watching(Terminal):
    """A terminal that can also wait for words to go, and for whole frames."""

    def until_quiet(self):
        """Read until nothing comes: a frame half drawn mixes two lists."""
        seen = -1
        while len(self.raw) > seen:
            seen = len(self.raw)
            assert self.read(0.4)

    def until(self, words, seconds=60.0, *, gone=False):
        if not gone:
            super().until(words, seconds)
            return
        while words in self.text:
            assert self.read()


@pytest.fixture
def project(tmp_path):
    """A project of twelve candidates."""
    return make_vet_project(tmp_path / "field")[0]


def test_ten_candidates_by_printed_keys_alone(project, tmp_path):
    """Labels from the footer, others from the help, the reason from its modal; undo, and leave."""
    app = Watching(project.root, XDG_STATE_HOME=str(tmp_path / "state"))
    app.until("12 left")
    reader = Reader(app)
    footer = reader.read_footer()
    assert {"interesting", "ordinary", "artefact", "help", "quit"} <= footer.keys()
    reader.read_help("literature", "already in the literature")
    reader.read_help("talked over", "talked over")
    reader.read_help("undo", "undo your last")
    assert {"known", "discuss", "undo"} <= reader.printed.keys()
    plan = ["interesting", "ordinary", "artefact", "known", "discuss"] * 2
    for number, words in enumerate(plan):
        if words == "artefact":
            reader.press(reader.printed[words], "Artefact: which kind?")
            key = re.search(r"(\S)\s+crosstalk", app.text)[1]
            app.type(key, "saved: artefact: crosstalk")
        else:
            reader.press(reader.printed[words], f"saved: {words}")
        app.until(f"{number + 1} decided")
        app.until(f"#{number + 2} JWST")
    reader.press(reader.printed["undo"], "undo: discuss")
    app.until("9 decided")
    reader.press(reader.printed["discuss"], "10 decided")
    app.child.send(reader.printed["quit"])
    assert app.ends() == (0, None)
    given = [(name, payload["label"]) for action, name, payload in labels(project) if action == "label"]
    spelled = {"artefact": "artifact"}
    expected = [(name_of(n), spelled.get(words, words)) for n, words in enumerate(plan)]
    assert given == [*expected, expected[-1]]
