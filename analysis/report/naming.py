"""What the searched field is called: the configured target where the frames are of it, else what they say."""

import math
import re
from collections.abc import Sequence

from analysis.config import Config
from store.frames import FrameRecord


def field_name(config: Config, frames: Sequence[FrameRecord]) -> str:
    """Return what to call the field: the configured target where the frames are of it, else their own.

    A frame is of the target when its header names it or when the configured position (ICRS degrees) lies
    within the search radius of the frame's footprint, taken as the circle around its corners.
    """
    wanted = _letters(config.target)
    done = [frame for frame in frames if frame.state == "done"]
    named = [_letters(frame.target) for frame in done]
    if any(name and (name in wanted or wanted in name) for name in named):
        return config.target
    if any(_near(config, frame.footprint) for frame in done):
        return config.target
    if not any(frame.target or frame.footprint for frame in done):
        return config.target  # nothing speaks against it
    targets = sorted({frame.target for frame in done if frame.target})
    if not targets:
        return "images whose headers name no target"
    return ", ".join(targets[:3]) + (" and others" if len(targets) > 3 else "")


def _letters(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _near(config: Config, footprint: str) -> bool:
    """Return whether the configured position is within the search radius of a footprint's corners' circle."""
    numbers = [float(word) for word in footprint.split() if re.fullmatch(r"[-+]?\d+(\.\d*)?", word)]
    if len(numbers) < 6:
        return False
    corners = [_direction(ra, dec) for ra, dec in zip(numbers[::2], numbers[1::2], strict=False)]
    total = [sum(axis) for axis in zip(*corners, strict=True)]
    length = math.hypot(*total)
    centre = [axis / length for axis in total]
    reach = max(math.dist(centre, corner) for corner in corners) + math.radians(config.radius_deg)
    return math.dist(centre, _direction(config.ra_deg, config.dec_deg)) <= reach


def _direction(ra: float, dec: float) -> tuple[float, float, float]:
    """Return the unit vector of a position in degrees."""
    a, d = math.radians(ra), math.radians(dec)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)
