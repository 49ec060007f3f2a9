"""Holes of pictures: filled from the nearest valid pixels, the same whatever is read."""

import numpy as np

from generator.rasters.holes import REACH, filled

RED, BLUE, GREY = (200, 10, 10), (10, 10, 200), (128, 128, 128)


def test_a_picture_without_holes_is_left_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
    assert filled(pixels, None) is pixels
    assert filled(pixels, np.ones((9, 8), np.uint8)) is pixels


def test_a_hole_becomes_the_mean_of_the_valid_pixels_nearest_to_it() -> None:
    pixels = np.zeros((5, 9, 3), np.uint8)
    pixels[:, :3], pixels[:, 6:] = RED, BLUE
    mask = np.full((5, 9), 255, np.uint8)
    mask[:, 3:6] = 0
    made = filled(pixels, mask)
    assert (made[:, 3] == RED).all()
    assert (made[:, 4] == (105, 10, 105)).all()
    assert (made[:, 5] == BLUE).all()
    assert (made[mask > 0] == pixels[mask > 0]).all()


def test_what_is_too_far_from_any_valid_pixel_is_grey() -> None:
    mask = np.zeros((1, 2 * REACH), np.uint8)
    mask[0, 0] = 255
    made = filled(np.full((1, 2 * REACH, 3), RED, np.uint8), mask)
    assert (made[0, : REACH + 1] == RED).all()
    assert (made[0, REACH + 1 :] == GREY).all()


def test_a_pixel_that_is_seen_through_in_part_keeps_its_colour() -> None:
    pixels, mask = np.full((3, 3, 3), RED, np.uint8), np.full((3, 3), 255, np.uint8)
    pixels[1, 1], mask[1, 1] = BLUE, 1
    assert (filled(pixels, mask) == pixels).all()
