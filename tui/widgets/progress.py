"""Progress of a run as text: stages and frames with bars, failures with reasons."""

from __future__ import annotations

from rich.text import Text

from tui.following import FrameView, RunView, StageView, left_words
from tui.widgets.palette import Palette, bar

STATE_SIGNS = {"waiting": "·", "running": "▶", "done": "✓", "failed": "✗", "unchanged": "="}


def headline(view: RunView | None, colours: Palette) -> Text:
    """Say which run this is and how it stands."""
    if view is None:
        return Text("No run yet: s starts one; d shows what it would download.", colours.quiet)
    line = Text.assemble(("run ", colours.quiet), (view.run_id, colours.strong), "  ")
    bad = view.state in {"failed", "interrupted", "done in part"}
    line.append("paused; p goes on" if view.paused else view.state, colours.alert if bad else colours.good)
    line.append(f"  started {view.started[:19].replace('T', ' ')}" if view.started else "", colours.quiet)
    if view.exit_code is not None:
        line.append(f"  exit code {view.exit_code}", colours.quiet)
    return line


def next_words(view: RunView) -> str:
    """Say why a run ended before its end, and what goes on from there."""
    if view.going or view.state == "done" or view.paused:
        return ""
    if view.state == "done in part":
        return f"{len(view.failures)} failed: w says why; s tries those again, the rest is done"
    return f"{view.text or 'it ended without a word'}; s goes on with what is left"


def failures_text(view: RunView | None, colours: Palette) -> Text:
    """Write what failed and why, whole, and where there is more to read."""
    if view is None or not view.failures:
        lines = [Text("nothing failed", colours.quiet)]
        if view is not None and view.state == "failed":
            lines = [Text(view.text, colours.alert)]
    else:
        lines = [
            line
            for name, reason in view.failures
            for line in (Text(f"✗ {name}", colours.alert), Text(f"  {reason}", colours.plain))
        ]
    if view is not None:
        lines.append(Text(f"outputs/log/run-{view.run_id}.log has what the run printed", colours.quiet))
    return Text("\n").join(lines)


def stage_line(stage: StageView, width: int, colours: Palette) -> Text:
    """Draw one stage."""
    line = Text(f"{STATE_SIGNS[stage.state]} ", colours.alert if stage.failed else colours.good)
    line.append(stage.name.ljust(9), colours.strong)
    in_bytes = stage.unit == "bytes"
    room = max(6, min(40, width - (62 if in_bytes else 50)))
    share = stage.done / stage.total if stage.total else float(stage.state == "done")
    full, empty = bar(share, room)
    line.append(full, colours.bar)
    line.append(empty, colours.trough)
    counted = f" {stage.done}/{stage.total}" if stage.total else f" {stage.state}"
    line.append(f" {stage.text}" if in_bytes else counted, colours.plain)
    if stage.seconds_left is not None:
        line.append(f"  {left_words(stage.seconds_left)}", colours.quiet)
    if stage.failed:
        line.append(f"  {stage.failed} failed", colours.alert)
    return line


def frame_line(frame: FrameView, width: int, colours: Palette) -> Text:
    """Draw one frame: a bar while it runs, words when it ended."""
    failed = frame.state == "failed"
    line = Text(f"{STATE_SIGNS.get(frame.state, '·')} ", colours.alert if failed else colours.good)
    room = max(20, min(52, width // 2 if frame.unit != "bytes" else width - 66))
    name = frame.name if len(frame.name) <= room else f"{frame.name[: room - 1]}…"
    line.append(name.ljust(room) + " ", colours.plain)
    if frame.state == "running":
        full, empty = bar(frame.done / frame.total if frame.total else 0.0, 16)
        line.append(full, colours.bar)
        line.append(empty, colours.trough)
        counted = f" {frame.done}/{frame.total}" if frame.total else " waiting"
        if frame.seconds_left is not None:
            counted += f"  {left_words(frame.seconds_left)}"
        line.append(f" {frame.text}" if frame.unit == "bytes" else counted, colours.quiet)
    else:
        line.append(frame.text or frame.state, colours.alert if failed else colours.quiet)
    return line


def frames_to_show(view: RunView, room: int) -> list[FrameView]:
    """Choose the frames that fit: failures first, then those running, then the last ones that ended."""
    order = {"failed": 0, "running": 1}
    ranked = sorted(enumerate(view.frames), key=lambda item: (order.get(item[1].state, 2), -item[0]))
    chosen = {place for place, _ in ranked[: max(0, room)]}
    return [frame for place, frame in enumerate(view.frames) if place in chosen]


def stages_text(view: RunView | None, width: int, colours: Palette) -> Text:
    """Write the headline and every stage."""
    lines = [headline(view, colours)]
    if view is not None and (words := next_words(view)):
        lines.append(Text(words, colours.alert if view.state == "failed" else colours.quiet))
        lines[-1].truncate(width, overflow="ellipsis")
    lines += [stage_line(stage, width, colours) for stage in view.stages] if view else []
    return Text("\n").join(lines)


def frames_text(view: RunView | None, width: int, room: int, colours: Palette) -> Text:
    """Write the frames that fit, and say how many there are."""
    if view is None or not view.frames:
        return Text()
    shown = frames_to_show(view, room - 1)
    ended = sum(1 for frame in view.frames if frame.state != "running")
    head = f"frames: {ended} of {len(view.frames)} ended, {len(view.failures)} failed"
    head += f"; {len(view.frames) - len(shown)} not shown" if len(shown) < len(view.frames) else ""
    lines = [Text(head, colours.quiet), *(frame_line(frame, width, colours) for frame in shown)]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)
