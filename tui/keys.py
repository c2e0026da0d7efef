"""The one table of keys: bindings, footer, help and the command palette are all made from it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from textual.binding import Binding

MOVE, VERDICT, CHECKS, FIND, VIEW, RUN, DOWNLOAD, CONFIGURATION, PROGRAM = (
    "Move",
    "Verdict",
    "Checks",
    "Find",
    "View",
    "Runs",
    "Download",
    "Configuration",
    "Program",
)


SPECTRA = "Spectra"


class KeymapError(Exception):
    """A [keys] table that cannot be used, in one line."""


@dataclass(frozen=True)
class Key:
    """One action of the app: its name in [keys], its keys, and the words for footer and help.

    `footer` is its importance there, 1 first, 0 never; `partner` joins the key of another action, as in j/k.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    section: str
    where: str
    footer: int = 0
    partner: str = ""

    SHOWN: ClassVar[Mapping[str, str]] = {
        "question_mark": "?",
        "slash": "/",
        "up": "↑",
        "down": "↓",
        "left": "←",
        "right": "→",
        "pageup": "pgup",
        "pagedown": "pgdn",
        "escape": "esc",
        "backspace": "⌫",
        "plus": "+",
        "shift+tab": "shift-tab",
    }

    def names(self) -> tuple[str, ...]:
        """Key names as Textual has them."""
        return tuple(_textual_name(name.strip()) for name in self.keys.split(",") if name.strip())

    def shown(self, *, all_keys: bool = True) -> str:
        """Keys as a person reads them."""
        words = [self.SHOWN.get(name, _character(name)) for name in self.names()]
        return " ".join(words if all_keys else words[:1])


VET, RUNS, PLAN, SETTINGS, EVERYWHERE = "vet", "runs", "plan", "settings", "everywhere"
SPECTRUM = "spectrum"

TABLE: tuple[Key, ...] = (
    Key(
        "next", "j,down", "move(1)", "move", "next candidate; moving never decides", MOVE, VET, 1, "previous"
    ),
    Key("previous", "k,up", "move(-1)", "back", "previous candidate", MOVE, VET),
    Key("page_down", "pagedown", "page(1)", "page", "one page down", MOVE, VET),
    Key("page_up", "pageup", "page(-1)", "page", "one page up", MOVE, VET),
    Key("first", "home", "first", "first", "first candidate", MOVE, VET),
    Key("last", "end", "last", "last", "last candidate", MOVE, VET),
    Key("next_undecided", "tab", "undecided(1)", "undecided", "next undecided candidate", MOVE, VET, 5),
    Key("previous_undecided", "shift+tab", "undecided(-1)", "", "previous undecided candidate", MOVE, VET),
    Key("interesting", "y", "label('interesting')", "interesting", "worth a second look", VERDICT, VET, 2),
    Key("ordinary", "n", "label('ordinary')", "ordinary", "real, and nothing unusual", VERDICT, VET, 2),
    Key("artifact", "x", "artifact", "artefact", "not real; asks which kind", VERDICT, VET, 2),
    Key("known", "o", "label('known')", "known", "real, and already in the literature", VERDICT, VET, 3),
    Key("discuss", "u", "label('discuss')", "discuss", "to be talked over with others", VERDICT, VET, 3),
    Key("no_label", "0,backspace", "label('none')", "no label", "take the label away", VERDICT, VET, 6),
    Key("grade", "G", "grade", "grade", "grade A sure, B probable, C possible, X no", VERDICT, VET, 5),
    Key("note", "m", "note", "note", "write a note", VERDICT, VET, 4),
    Key("history", "H", "history", "history", "every decision on it, by everybody", VERDICT, VET, 7),
    Key("undo", "z", "undo", "undo", "undo your last decision, across restarts", VERDICT, VET, 2, "redo"),
    Key("redo", "Z", "redo", "redo", "redo what was undone", VERDICT, VET),
    Key("check_1", "1", "check(1)", "check", "check 1, other filters", CHECKS, VET, 2, "check_5"),
    Key("check_2", "2", "check(2)", "", "check 2, catalogues", CHECKS, VET),
    Key("check_3", "3", "check(3)", "", "check 3, PSF or cosmic ray", CHECKS, VET),
    Key("check_4", "4", "check(4)", "", "check 4, thresholds", CHECKS, VET),
    Key("check_5", "5", "check(5)", "", "check 5, other methods", CHECKS, VET),
    Key("evidence", "E", "evidence", "evidence", "a check whole; overrule it there", CHECKS, VET, 3),
    Key("confirm_checks", "C", "confirm_checks", "confirm", "confirm all computed outcomes", CHECKS, VET, 6),
    Key("go_to", "slash", "go_to", "go to", "go to a rank, a name, or 'ra dec'", FIND, VET, 4),
    Key("filter", "f", "filter", "filter", "filter and order the list", FIND, VET, 4),
    Key("views", "V", "views", "views", "saved views: list one, keep this one, give one up", FIND, VET, 6),
    Key(
        "conflicts",
        "D",
        "conflicts",
        "conflicts",
        "where vetters differ; how they agree",
        FIND,
        VET,
        7,
    ),
    Key("bulk", "B", "bulk", "all at once", "one verdict for the list; z takes it back", VERDICT, VET, 7),
    Key("weights", "w", "weights", "weights", "the score in parts; other weights, live", FIND, VET, 7),
    Key("plots", "p", "plots", "plots", "plots with this candidate marked", VIEW, VET, 7),
    Key("alike", "M", "alike", "more like it", "its nearest neighbours in feature space", FIND, VET, 7),
    Key("gallery", "g", "gallery", "gallery", "the list as a contact sheet", VIEW, VET, 7),
    Key("copy", "c", "copy", "copy", "copy name and position, over SSH too", FIND, VET, 6),
    Key("links", "l", "links", "elsewhere", "MAST, ESASky, Aladin, SIMBAD; DS9 over SAMP", FIND, VET, 5),
    Key("stretch", "s", "stretch", "stretch", "next stretch of the cutouts", VIEW, VET, 5),
    Key("invert", "i", "invert", "invert", "dark sky or bright sky", VIEW, VET, 6),
    Key("colours", "t", "colours", "tint", "next colour map of the cutouts", VIEW, VET, 6),
    Key("composite", "v", "composite", "colour", "colour composite of three bands, on or off", VIEW, VET, 5),
    Key("choose_bands", "T", "choose_bands", "", "which bands are red, green and blue", VIEW, VET),
    Key("blink", "space", "blink", "blink", "blink bands, then epochs, then stand still", VIEW, VET, 5),
    Key("field", "F", "field", "field", "the field around with all candidates, then 1′ of it", VIEW, VET, 5),
    Key("aperture", "a", "overlay('aperture')", "aperture", "draw the aperture", VIEW, VET, 6),
    Key("neighbours", "N", "overlay('neighbours')", "", "mark other objects near", VIEW, VET),
    Key("spikes", "d", "overlay('spikes')", "spikes", "draw predicted diffraction spikes", VIEW, VET, 6),
    Key("north_up", "O", "north_up", "", "north up, or as on the mosaic with arrows", VIEW, VET),
    Key("pixel", "P", "pixel", "pixel", "read-out of pixels: value, sigma, RA, Dec", VIEW, VET, 6),
    Key("pixel_left", "shift+left", "cursor(-1, 0)", "", "read-out one pixel left", VIEW, VET),
    Key("pixel_right", "shift+right", "cursor(1, 0)", "", "read-out one pixel right", VIEW, VET),
    Key("pixel_up", "shift+up", "cursor(0, 1)", "", "read-out one pixel up", VIEW, VET),
    Key("pixel_down", "shift+down", "cursor(0, -1)", "", "read-out one pixel down", VIEW, VET),
    Key("cell_left", "alt+left", "cursor(-1, 0, 1)", "", "read-out one cell left", VIEW, VET),
    Key("cell_right", "alt+right", "cursor(1, 0, 1)", "", "read-out one cell right", VIEW, VET),
    Key("cell_up", "alt+up", "cursor(0, 1, 1)", "", "read-out one cell up", VIEW, VET),
    Key("cell_down", "alt+down", "cursor(0, -1, 1)", "", "read-out one cell down", VIEW, VET),
    Key("zoom", "enter", "zoom", "enlarge", "enlarge pictures, then evidence, then the list", VIEW, VET, 5),
    Key(
        "unzoom",
        "escape",
        "unzoom",
        "",
        "every panel in its own place; end read-out, blink, field",
        VIEW,
        VET,
    ),
    Key("more_bands", "b", "more_bands", "more bands", "further frames, where not all fit", VIEW, VET, 6),
    Key("new", "A", "new", "new", "go to what the last run brought, in turn", MOVE, VET, 6),
    Key("spectrum", "S", "spectrum", "spectrum", "its spectra, drawn large", VIEW, VET, 5),
    Key("export", "e", "export", "export", "write tables and REPORT.md", PROGRAM, VET, 4),
    Key("runs", "r", "runs", "runs", "start, follow and stop runs", PROGRAM, VET, 4),
    Key("run_start", "s", "start", "start", "start a run: download, measure, rank, report", RUN, RUNS, 1),
    Key("run_stop", "x", "stop", "stop", "stop the run; done frames are kept", RUN, RUNS, 1),
    Key("run_pause", "p", "pause", "pause/go on", "pause the download, or go on with it", RUN, RUNS, 1),
    Key("plan", "d", "plan", "plan", "what would be downloaded; tick products off and on", RUN, RUNS, 2),
    Key("settings", "c", "settings", "configure", "every key of config.toml, checked as typed", RUN, RUNS, 2),
    Key("run_why", "w", "why", "what failed", "what failed and why, whole; or the log again", RUN, RUNS, 3),
    Key("run_follow", "f", "follow", "follow", "follow the end of the log, or let it stand", RUN, RUNS, 3),
    Key("run_down", "j,down", "scroll(1)", "down", "scroll down", RUN, RUNS),
    Key("run_up", "k,up", "scroll(-1)", "up", "scroll up", RUN, RUNS),
    Key("run_page_down", "pagedown", "scroll(10)", "", "one page down", RUN, RUNS),
    Key("run_page_up", "pageup", "scroll(-10)", "", "one page up", RUN, RUNS),
    Key("back", "escape,r", "back", "candidates", "back to the candidates", RUN, RUNS, 1),
    Key("plan_tick", "space", "tick", "off/on", "tick the product off, or on", DOWNLOAD, PLAN, 1),
    Key("plan_start", "s", "start", "start", "start a run that fetches what is ticked", DOWNLOAD, PLAN, 1),
    Key("plan_anew", "R", "anew", "ask anew", "ask the archive for a new plan", DOWNLOAD, PLAN, 2),
    Key("plan_next", "j,down", "move(1)", "move", "next product", DOWNLOAD, PLAN, 2, "plan_previous"),
    Key("plan_previous", "k,up", "move(-1)", "", "previous product", DOWNLOAD, PLAN),
    Key("plan_page_down", "pagedown", "move(10)", "", "ten products down", DOWNLOAD, PLAN),
    Key("plan_page_up", "pageup", "move(-10)", "", "ten products up", DOWNLOAD, PLAN),
    Key("plan_first", "home", "move(-10000)", "", "first product", DOWNLOAD, PLAN),
    Key("plan_last", "end", "move(10000)", "", "last product", DOWNLOAD, PLAN),
    Key("plan_back", "escape,d", "back", "runs", "back", DOWNLOAD, PLAN, 1),
    Key(
        "settings_next",
        "down,tab",
        "move(1)",
        "move",
        "next key",
        CONFIGURATION,
        SETTINGS,
        2,
        "settings_previous",
    ),
    Key("settings_previous", "up,shift+tab", "move(-1)", "", "previous key", CONFIGURATION, SETTINGS),
    Key("settings_page_down", "pagedown", "move(10)", "", "ten keys down", CONFIGURATION, SETTINGS),
    Key("settings_page_up", "pageup", "move(-10)", "", "ten keys up", CONFIGURATION, SETTINGS),
    Key("settings_reset", "f4", "reset", "default", "give the key its default", CONFIGURATION, SETTINGS, 3),
    Key(
        "settings_save", "f2", "save", "save", "write config.toml, comments kept", CONFIGURATION, SETTINGS, 1
    ),
    Key(
        "settings_start",
        "f5",
        "start",
        "save and start",
        "write it, then start a run",
        CONFIGURATION,
        SETTINGS,
        1,
    ),
    Key("settings_back", "escape", "back", "back", "back to the runs", CONFIGURATION, SETTINGS, 1),
    Key(
        "spectrum_left",
        "left,h",
        "pan(-0.25)",
        "pan",
        "shorter wavelengths",
        SPECTRA,
        SPECTRUM,
        1,
        "spectrum_right",
    ),
    Key("spectrum_right", "right,l", "pan(0.25)", "", "longer wavelengths", SPECTRA, SPECTRUM),
    Key(
        "spectrum_in",
        "up,plus,equals_sign,k",
        "zoom(0.5)",
        "zoom",
        "zoom in",
        SPECTRA,
        SPECTRUM,
        1,
        "spectrum_out",
    ),
    Key("spectrum_out", "down,minus,j", "zoom(2.0)", "", "zoom out", SPECTRA, SPECTRUM),
    Key(
        "z_up",
        "full_stop",
        "slide(0.001)",
        "z",
        "labels to a higher redshift, by 0.001 (1+z)",
        SPECTRA,
        SPECTRUM,
        1,
        "z_down",
    ),
    Key("z_down", "comma", "slide(-0.001)", "", "labels to a lower redshift", SPECTRA, SPECTRUM),
    Key(
        "z_far_up",
        "greater_than_sign",
        "slide(0.02)",
        "z far",
        "higher by 0.02 (1+z)",
        SPECTRA,
        SPECTRUM,
        3,
        "z_far_down",
    ),
    Key("z_far_down", "less_than_sign", "slide(-0.02)", "", "lower by 0.02 (1+z)", SPECTRA, SPECTRUM),
    Key(
        "z_second",
        "n",
        "second",
        "next z",
        "labels at the runner-up redshift, and back",
        SPECTRA,
        SPECTRUM,
        2,
    ),
    Key("spectrum_reset", "0", "reset", "reset", "all of it, at the measured redshift", SPECTRA, SPECTRUM, 2),
    Key("spectrum_next", "tab", "turn(1)", "next", "next spectrum of the candidate", SPECTRA, SPECTRUM, 2),
    Key(
        "spectrum_previous",
        "shift+tab",
        "turn(-1)",
        "",
        "previous spectrum of the candidate",
        SPECTRA,
        SPECTRUM,
    ),
    Key("spectrum_back", "escape,S", "back", "back", "back to the candidates", SPECTRA, SPECTRUM, 1),
    Key("help", "question_mark", "app.help", "help", "this help; type to search", PROGRAM, EVERYWHERE, 1),
    Key("hints", "f3", "app.hints", "", "no hints any more, or all of them again", PROGRAM, EVERYWHERE),
    Key("theme", "f6", "app.next_theme", "", "dark, light, high contrast, no colour", PROGRAM, EVERYWHERE),
    Key("quit", "q", "app.leave", "quit", "leave; a run goes on without the app", PROGRAM, EVERYWHERE, 1),
)

HELD_SECTIONS = frozenset({MOVE, VERDICT, CHECKS, FIND, VIEW})
NAMED = [
    "up",
    "down",
    "left",
    "right",
    "home",
    "end",
    "pageup",
    "pagedown",
    "insert",
    "delete",
    "escape",
    "enter",
    "tab",
    "space",
    "backspace",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "f6",
    "f7",
    "f8",
    "f9",
    "f10",
    "f11",
    "f12",
]
_RESERVED = {"ctrl+c", "ctrl+p", "ctrl+q"}


def resolve(overrides: Mapping[str, str], table: Iterable[Key] = TABLE) -> tuple[Key, ...]:
    """Give the table with [keys] of the configuration applied, or raise KeymapError in one line."""
    keys = {key.id: key for key in table}
    for name, value in overrides.items():
        if name not in keys:
            near = difflib.get_close_matches(name, list(keys), n=1)
            hint = f"; the nearest is {near[0]}" if near else ""
            raise KeymapError(f"[keys] {name}: there is no such action{hint}; ? in the app lists them")
        made = dataclasses.replace(keys[name], keys=value)
        if not made.names():
            raise KeymapError(f'[keys] {name} = "{value}": give at least one key')
        for key in made.names():
            _check_name(name, value, key)
        keys[name] = made
    resolved = tuple(keys.values())
    _check_clashes(resolved)
    return resolved


def valid_in(keys: Iterable[Key], where: str) -> Iterator[Key]:
    """Yield the keys that work on one screen."""
    return (key for key in keys if key.where in {where, EVERYWHERE})


def bindings(where: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Make the default Textual bindings of one screen; they have priority, so they act in order typed."""
    from textual.binding import Binding

    return [
        Binding(
            ",".join(key.names()), key.action, key.help, show=False, priority=where != EVERYWHERE, id=key.id
        )
        for key in TABLE
        if key.where == where
    ]


def keymap(keys: Iterable[Key]) -> dict[str, str]:
    """Give Textual's keymap for the resolved table."""
    return {key.id: ",".join(key.names()) for key in keys}


def _check_clashes(keys: Iterable[Key]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for key in keys:
        places = (VET, RUNS, PLAN, SETTINGS, SPECTRUM) if key.where == EVERYWHERE else (key.where,)
        for name in key.names():
            for place in places:
                other = taken.setdefault((place, name), key.id)
                if other != key.id:
                    shown = Key.SHOWN.get(name, _character(name))
                    raise KeymapError(f'[keys] "{shown}" is given to both {other} and {key.id}; change one')


def _check_name(action: str, value: str, key: str) -> None:
    plain = key.removeprefix("ctrl+").removeprefix("shift+").removeprefix("alt+")
    if key in _RESERVED:
        raise KeymapError(f'[keys] {action} = "{value}": {key} is kept by the program')
    if plain in NAMED or len(_character(plain)) == 1:
        return
    near = difflib.get_close_matches(plain, NAMED, n=1)
    hint = f"; the nearest is {near[0]}" if near else ""
    raise KeymapError(f'[keys] {action} = "{value}": there is no key called {key}{hint}')


def _textual_name(name: str) -> str:
    if len(name) == 1 and not name.isalnum():
        from textual.keys import _character_to_key

        return _character_to_key(name)
    return name


def _character(name: str) -> str:
    if len(name) == 1 or name in NAMED:
        return name
    from textual.keys import key_to_character

    return key_to_character(name) or name
