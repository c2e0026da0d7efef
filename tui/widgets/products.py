"""Products of a plan as text: one line each, the totals, and all that is known of one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from analysis.choices import GB, Totals
from analysis.config import Config
from store.products import PRESENT, TICKED_OFF, ProductRecord
from tui.text import clean
from tui.widgets.palette import Palette

HEAD = "    size GB  band           level  state          file"
_SIGNS = {"planned": "✓", "done": "=", "already there": "=", "failed": "✗", "skipped": "·"}


def state_words(record: ProductRecord) -> str:
    """Name the state of a product: what becomes of it, or what became."""
    if record.state == "skipped":
        return "ticked off" if record.reason == TICKED_OFF else "left"
    return "on disk" if record.state in PRESENT else record.state


def product_line(record: ProductRecord, width: int, colours: Palette) -> Text:
    """Draw one product; those left are quiet."""
    left = record.state == "skipped"
    off, failed = record.reason == TICKED_OFF, record.state == "failed"
    line = Text(f" {_SIGNS[record.state]} ", colours.alert if off or failed else colours.good)
    size = f"{record.size / GB:9.3f}" if record.size >= 0 else "  unknown"
    band = f"{record.instrument.partition('/')[0]} {record.filter}".strip() or "–"
    style = colours.quiet if left else colours.plain
    line.append(f"{size}  {clean(band)[:14]:<14} ", style)
    line.append(f"{record.level:>5}  ", style)
    line.append(f"{state_words(record):<14} ", colours.alert if off or failed else style)
    line.append(clean(record.name), style)
    line.truncate(width, overflow="ellipsis")
    return line


def totals_text(now: Totals, config: Config, colours: Palette) -> Text:
    """Say what the ticked products come to, against the three limits."""
    over = now.over(config)
    text = Text(
        f"{now.files} of {config.max_files} files · {now.observations} of {config.max_obs} observations · "
        f"{now.size / GB:.3f} of {config.max_total_gb:g} GB",
        colours.alert if over else colours.strong,
    )
    text.append(f" · {now.there / GB:.3f} GB on disk" if now.there else "", colours.quiet)
    text.append(f" · over {over}" if over else "", colours.alert)
    return text


def detail_text(record: ProductRecord | None, lines: Sequence[str], colours: Palette) -> Text:
    """Say all about one product, then what the plan says of itself."""
    parts = []
    if record is not None:
        about = [f"program {record.program}" if record.program else "", record.target, record.observation]
        if record.level == 2:
            about.append("a single exposure")
        parts.append(Text(clean(record.name), colours.strong))
        parts.append(Text(clean(" · ".join(word for word in about if word)), colours.quiet))
        if record.reason:
            parts.append(Text(clean(record.reason), colours.alert))
    parts += [Text(clean(line), colours.quiet) for line in lines]
    return Text("\n").join(parts)
