"""Tiles: every pixel of a frame is owned once, whatever its shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.tiles import make_tiles, owns

LENGTH = st.integers(1, 300)


@given(ny=LENGTH, nx=LENGTH, core=st.integers(20, 400), overlap=st.integers(0, 60))
def test_cores_cover_a_frame_once_and_windows_hold_them(ny, nx, core, overlap):
    """The cores are a partition; each window is its core and a margin, inside the frame."""
    seen = np.zeros((ny, nx), int)
    for tile in make_tiles((ny, nx), core, overlap):
        seen[tile.core_y0 : tile.core_y1, tile.core_x0 : tile.core_x1] += 1
        assert max(tile.core_y1 - tile.core_y0, tile.core_x1 - tile.core_x0) <= core
        assert tile.y0 == max(tile.core_y0 - overlap, 0)
        assert tile.x1 == min(tile.core_x1 + overlap, nx)
    assert (seen == 1).all()


@given(
    ny=LENGTH, nx=LENGTH, core=st.integers(20, 400),
    y=st.floats(0, 1, exclude_max=True), x=st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_every_position_has_one_owner(ny, nx, core, y, x):
    """Any position on a pixel of the frame, seams included."""
    at = np.array([y * ny - 0.5]), np.array([x * nx - 0.5])
    assert sum(int(owns(tile, *at)[0]) for tile in make_tiles((ny, nx), core, 5)) == 1


def test_positions_on_a_seam_go_to_the_pixel_they_lie_in():
    """Half-way between two pixels belongs to the upper one."""
    first, second = make_tiles((1, 8), 4, 0)
    assert owns(first, [0.0, 0.0], [3.49, 3.5]).tolist() == [True, False]
    assert owns(second, [0.0, 0.0], [3.49, 3.5]).tolist() == [False, True]


def test_nonsense_is_refused():
    """A core without pixels or a negative overlap."""
    with pytest.raises(ValueError, match="core"):
        make_tiles((4, 4), 0, 1)
    with pytest.raises(ValueError, match="overlap"):
        make_tiles((4, 4), 2, -1)
