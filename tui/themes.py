"""Themes of the app: dark, light, high contrast and no colour, beside those that Textual brings."""

from __future__ import annotations

from textual.theme import Theme

NAMES = ("dark", "light", "high-contrast", "no-colour")
"""What the key goes round; the command palette lists Textual's own too."""


def themes() -> tuple[Theme, ...]:
    """Make our themes: surfaces and borders here, the meanings in the palette."""
    return (
        Theme(
            "dark",
            primary="#6cb6ff",
            accent="#ffa657",
            warning="#ffa657",
            error="#ffa657",
            success="#6cb6ff",
            foreground="#e2e6eb",
            background="#14181d",
            surface="#1b2027",
            panel="#21262d",
            dark=True,
        ),
        Theme(
            "light",
            primary="#003e92",
            accent="#a04800",
            warning="#a04800",
            error="#a04800",
            success="#003e92",
            foreground="#1b1f24",
            background="#ffffff",
            surface="#f4f6f8",
            panel="#e3e7eb",
            dark=False,
        ),
        Theme(
            "high-contrast",
            primary="#7cc4ff",
            accent="#ffb84d",
            warning="#ffb84d",
            error="#ffb84d",
            success="#7cc4ff",
            foreground="#ffffff",
            background="#000000",
            surface="#000000",
            panel="#000000",
            dark=True,
        ),
        Theme(
            "no-colour",
            primary="#ffffff",
            accent="#ffffff",
            warning="#ffffff",
            error="#ffffff",
            success="#ffffff",
            foreground="#ffffff",
            background="#000000",
            surface="#000000",
            panel="#000000",
            dark=True,
        ),
    )
