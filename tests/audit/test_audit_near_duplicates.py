"""Hashes and the search for pairs: a slow plain version, mirror images, blocks, and degenerate input."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hcmoco_bench.audit import near_duplicates as module
from hcmoco_bench.audit.image_hashes import GRAY_SIDE, ImageHashes, View, hash_image, person_view
from hcmoco_bench.audit.near_duplicates import MOST_BITS, near_duplicates


def picture(seed: int) -> Image.Image:
    """A smooth random image."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 7, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((140, 120), Image.Resampling.BICUBIC)


def hashes(images: list[Image.Image]) -> ImageHashes:
    return ImageHashes.of({str(row): hash_image(image) for row, image in enumerate(images)})


def plain(first: ImageHashes, second: ImageHashes) -> set[tuple[int, int, bool]]:
    """Pairs whose hashes are alike, bit by bit."""
    found = set()
    for one in range(len(first)):
        for other in range(len(second)):
            for mirrored, bits in ((False, second.bits), (True, second.mirrored)):
                a, b = ("".join(f"{int(word):064b}" for word in words) for words in (first.bits[one], bits[other]))
                if sum(x != y for x, y in zip(a, b, strict=True)) <= MOST_BITS:
                    found.add((one, other, mirrored))
    return found


@pytest.mark.parametrize("at_once", [2_000_000, 7])
@pytest.mark.parametrize("view", ["person", "whole"])
def test_pairs_are_those_of_a_plain_search(monkeypatch: pytest.MonkeyPatch, at_once: int, view: View) -> None:
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", at_once)
    images = [picture(seed) for seed in range(12)]
    flipped = [images[3].transpose(Image.Transpose.FLIP_LEFT_RIGHT), images[8].resize((70, 60))]
    first, second = hashes(images), hashes([*flipped, picture(50), picture(51)])
    found = near_duplicates(first, second, view)
    assert {(one.first, one.second, one.mirrored) for one in found.pairs} == plain(first, second)
    assert plain(first, second) == {(3, 0, True), (8, 1, False)}
    assert found.within_clips == 0


def test_pairs_of_one_clip_are_counted_and_not_listed() -> None:
    images = [picture(1), picture(2)]
    clips = (np.array([5, 6]), np.array([5, 7]))
    found = near_duplicates(hashes(images), hashes(images), "person", clips=clips)
    assert [(one.first, one.second) for one in found.pairs] == [(1, 1)]
    assert found.within_clips == 1


def test_an_image_that_is_alike_both_ways_counts_once() -> None:
    half = np.asarray(picture(4))[:, :70]
    symmetric = Image.fromarray(np.concatenate([half, half[:, ::-1]], axis=1))
    found = near_duplicates(hashes([symmetric]), hashes([symmetric]), "whole")
    assert len(found.pairs) == 1


def test_a_changed_person_in_the_same_room_is_no_duplicate() -> None:
    room = np.asarray(picture(9)).copy()
    one, other = room.copy(), room.copy()
    one[40:90, 30:45], other[40:90, 95:110] = 250, 250
    assert near_duplicates(hashes([Image.fromarray(one)]), hashes([Image.fromarray(other)]), "whole").pairs == ()


def test_no_images_give_no_pairs() -> None:
    for first, second in (([], [picture(0)]), ([picture(0)], []), ([], [])):
        assert near_duplicates(hashes(first), hashes(second), "person").pairs == ()


def test_the_person_is_the_square_around_measured_pixels() -> None:
    depth = np.zeros((60, 80), np.uint16)
    assert person_view(picture(0), None) is None
    assert person_view(picture(0), depth) is None
    depth[10:50, 30:40] = 2000
    view = person_view(Image.new("RGB", (80, 60), "white"), depth)
    assert view is not None
    assert view.size == (44, 44)


def test_blocks_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)

    def random(count: int) -> ImageHashes:
        bits = rng.integers(0, 2**63, (count, 4), np.uint64)
        return ImageHashes(tuple(map(str, range(count))), bits, bits, np.zeros((count, GRAY_SIDE, GRAY_SIDE), np.uint8))

    seen = []
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 1000)
    near_duplicates(random(300), random(50), "person", progress=lambda label, done, total: seen.append((done, total)))
    assert len(seen) == 2 * 15
    assert seen[-1] == (2 * 300 * 50, 2 * 300 * 50)


def test_pairs_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHECKED", 3)
    same = hashes([picture(1)] * 4)
    found = near_duplicates(same, same, "person")
    assert len(found.pairs) == 3
    assert found.unchecked == 16 - 3
