"""Colours and signs: blue, orange and grey on dark or light, and never a hue without a sign and a word."""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style


@dataclass(frozen=True)
class Palette:
    """Styles by what they mean."""

    plain: Style
    strong: Style
    quiet: Style
    faint: Style
    good: Style
    alert: Style
    cursor: Style
    header: Style
    badge: Style
    bar: Style
    trough: Style


def _palette(
    blue: str, orange: str, grey: str, faint: str, text: str, cursor: str, header: str, ink: str
) -> Palette:
    return Palette(
        plain=Style(color=text),
        strong=Style(color=text, bold=True),
        quiet=Style(color=grey),
        faint=Style(color=faint),
        good=Style(color=blue),
        alert=Style(color=orange, bold=True),
        cursor=Style(bgcolor=cursor, bold=True),
        header=Style(color=grey, bgcolor=header, bold=True),
        badge=Style(color=ink, bgcolor=orange, bold=True),
        bar=Style(color=blue),
        trough=Style(color=faint),
    )


DARK = _palette("#6cb6ff", "#ffa657", "#a3acb9", "#5c6672", "#e2e6eb", "#264b78", "#21262d", "#14181d")
LIGHT = _palette("#003e92", "#a04800", "#57606a", "#a8b0b8", "#1b1f24", "#b6d4f5", "#e3e7eb", "#ffffff")

CONTRAST = _palette("#7cc4ff", "#ffb84d", "#dcdcdc", "#b4b4b4", "#ffffff", "#003a8c", "#000000", "#000000")
NO_COLOUR = Palette(
    plain=Style(),
    strong=Style(bold=True),
    quiet=Style(),
    faint=Style(dim=True),
    good=Style(bold=True),
    alert=Style(bold=True, underline=True),
    cursor=Style(reverse=True),
    header=Style(bold=True, underline=True),
    badge=Style(reverse=True, bold=True),
    bar=Style(bold=True),
    trough=Style(dim=True),
)
"""Attributes alone: signs and words carry the rest."""
_OF_THEME = {"high-contrast": CONTRAST, "no-colour": NO_COLOUR}
_chosen: list[Palette] = []

LABEL_SIGNS = {"interesting": "★", "ordinary": "-", "artifact": "×", "known": "=", "discuss": "?", "": " "}
LABEL_WORDS = {"artifact": "artefact", "": "undecided"}
OUTCOME_SIGNS = {"pass": "✓", "fail": "✗", "inconclusive": "~", "not run": "·", "": "·"}
CHECK_WORDS = {
    "other_filters": "other filters",
    "catalogs": "catalogues",
    "psf_or_cosmic_ray": "PSF or cosmic",
    "thresholds": "thresholds",
    "methods": "methods",
}


def use(theme: str) -> None:
    """Take the palette that belongs to a theme; most have none of their own. A process shows one theme."""
    _chosen[:] = [_OF_THEME[theme]] if theme in _OF_THEME else []


def palette(*, dark: bool) -> Palette:
    """Give the palette of the theme that is shown: its own, or the one for dark or light themes."""
    return _chosen[0] if _chosen else DARK if dark else LIGHT


def label_sign(label: str) -> str:
    """Give the sign of a label; one of the person's own has its first letter."""
    return LABEL_SIGNS.get(label) or label[:1].upper()


def label_style(label: str, colours: Palette) -> Style:
    """Give the style of a label."""
    return {
        "interesting": colours.alert,
        "discuss": colours.good + Style(bold=True),
        "known": colours.good,
        "artifact": colours.quiet,
        "ordinary": colours.quiet,
        "": colours.faint,
    }.get(label, colours.strong)


def label_words(label: str) -> str:
    """Give a label as prose has it."""
    return LABEL_WORDS.get(label, label.replace("_", " "))


def outcome_style(outcome: str, colours: Palette) -> Style:
    """Give the style of a check's outcome."""
    return {"pass": colours.good, "fail": colours.alert, "inconclusive": colours.plain}.get(
        outcome, colours.faint
    )


def bar(fraction: float, width: int) -> tuple[str, str]:
    """Draw a bar to half a cell: its full part and its empty part."""
    whole, half = divmod(round(max(0.0, min(1.0, fraction)) * width * 2), 2)
    filled = "━" * whole + "╸" * half
    return filled, "─" * (width - len(filled))
