"""The register of approved pictures: which screen each one shows; no screen is without."""

import importlib
import pkgutil
from pathlib import Path

from textual.screen import Screen

import tui.screens
from tui.screens.arrivals import Arriving
from tui.screens.base import Question, VetterScreen
from tui.screens.bulk import BulkScreen
from tui.screens.choices import ChoiceScreen, ConfirmScreen, GradeScreen, ReasonScreen
from tui.screens.deciding import Deciding
from tui.screens.evidence import EvidenceScreen
from tui.screens.export import ExportScreen
from tui.screens.filtering import FilterScreen
from tui.screens.gallery import AlikeScreen, GalleryScreen
from tui.screens.goto import GoToScreen
from tui.screens.help import HelpScreen
from tui.screens.history import HistoryScreen
from tui.screens.links import LinksScreen
from tui.screens.loading import Loading
from tui.screens.note import NoteScreen
from tui.screens.picturing import Picturing
from tui.screens.plan import PlanScreen
from tui.screens.plots import PlotScreen
from tui.screens.queueing import Queueing
from tui.screens.run import RunScreen
from tui.screens.settings import SettingsScreen
from tui.screens.spectrum import SpectrumScreen
from tui.screens.toosmall import TooSmall
from tui.screens.triple import TripleScreen
from tui.screens.vet import VetScreen
from tui.screens.views import ViewsScreen
from tui.screens.weights import WeightsScreen

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 40), (200, 60)]

SHOWS: dict[str, type[Screen]] = {
    "vetting": VetScreen,
    "empty": VetScreen,
    "list": VetScreen,
    "evidence": VetScreen,
    "colour-overlays": VetScreen,
    "field": VetScreen,
    "near-field": VetScreen,
    "reading": VetScreen,
    "plain": VetScreen,
    "words": VetScreen,
    "hint": VetScreen,
    "only-spectrum": VetScreen,
    "check": EvidenceScreen,
    "overruling": EvidenceScreen,
    "spectrum": SpectrumScreen,
    "bands": TripleScreen,
    "elsewhere": LinksScreen,
    "artefacts": ReasonScreen,
    "grades": GradeScreen,
    "stopping": ConfirmScreen,
    "goto": GoToScreen,
    "note": NoteScreen,
    "history": HistoryScreen,
    "export": ExportScreen,
    "keys": HelpScreen,
    "filters": FilterScreen,
    "views": ViewsScreen,
    "bulk": BulkScreen,
    "plot": PlotScreen,
    "weights": WeightsScreen,
    "gallery": GalleryScreen,
    "alike": AlikeScreen,
    "run": RunScreen,
    "plan": PlanScreen,
    "settings": SettingsScreen,
    "toosmall": TooSmall,
}
"""Name of the picture, and the class of the screen that is on show."""

UNSHOWN = {VetterScreen, Question, ChoiceScreen, Loading, Deciding, Picturing, Queueing, Arriving}
"""What screens are made of, never shown by itself."""


def check_screen(app, name):
    """Refuse a picture that is not in the register, or of another screen than it says."""
    shows = SHOWS.get(name.rpartition("-")[0])
    assert shows is not None, f"{name}: tests/approved.py does not say which screen it shows"
    assert type(app.screen) is shows, f"{name} shows {type(app.screen).__name__}, not {shows.__name__}"


def screen_classes():
    """Give every class of a screen in the program."""
    for room in pkgutil.iter_modules(tui.screens.__path__, "tui.screens."):
        importlib.import_module(room.name)
    found, more = set(), [Screen]
    while more:
        more = [kind for one in more for kind in one.__subclasses__()]
        found |= {kind for kind in more if kind.__module__.startswith("tui.")}
    return found
