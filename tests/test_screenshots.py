"""The screenshots of the README are of the real app: the script makes them, and each is shown."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WORDS = {
    "desk": ("SIMULATED", "★", "other filters"),
    "pixels": ("SIMULATED", "▀"),
    "elsewhere": ("simbad.cds.unistra.fr", "SIMULATED"),
    "evidence": ("computed", "JWST J"),
    "settings": ("must be a number", "target_name"),
}


def script():
    """Load the script as it is in docs/."""
    spec = importlib.util.spec_from_file_location("screenshot", ROOT / "docs" / "screenshot.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["screenshot"] = module
    spec.loader.exec_module(module)
    return module


def words_of(drawing):
    """The text of an SVG, with plain blanks."""
    pieces = re.findall(r"<text[^>]*>([^<]*)</text>", drawing)
    return " ".join(piece.replace("&#160;", " ") for piece in pieces)


def test_the_script_draws_every_screen_of_the_real_app(finished, tmp_path):
    """From a finished project; what each shot is for is on it."""
    module = script()
    module.main(str(finished), str(tmp_path))
    assert set(WORDS) == set(module.SHOTS)
    for name, words in WORDS.items():
        drawn = words_of((tmp_path / f"{name}.svg").read_text())
        for word in words:
            assert word in drawn, (name, word)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_the_readme_shows_each_and_it_is_drawn_whole(name):
    """The file in docs/ is of this app and asks nobody for a font."""
    assert f"(docs/{name}.svg)" in (ROOT / "README.md").read_text()
    drawing = (ROOT / "docs" / f"{name}.svg").read_text()
    assert all(word in words_of(drawing) for word in WORDS[name])
    assert "@font-face" not in drawing
