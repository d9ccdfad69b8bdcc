"""How label images are read, over a whole folder, and masks that look like other classes or another place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.tasks.parsing.label_images import LabelImages
from hcmoco_bench.tasks.parsing.label_reading import read_palette
from hcmoco_bench.tasks.parsing.mask_readings import likely_mask_reading

Mask = NDArray[np.uint8]
OTHER = np.random.default_rng(0).integers(30, 256, (25, 3)).astype(np.uint8)
GRAY = np.repeat(np.arange(25, dtype=np.uint8)[:, None], 3, 1)
SIZE = (40, 30)


def masks(number: int = 12) -> dict[str, Mask]:
    """Blocks of classes, of which each image has others, and other ones are the most frequent."""
    rng = np.random.default_rng(1)
    small = rng.integers(0, 25, (number, 6, 8)).astype(np.uint8)
    return {f"s{place}": np.kron(one, np.ones((5, 5), np.uint8)) for place, one in enumerate(small)}


MASKS = masks()
IDS = tuple(MASKS)


def write(folder: Path, colors: Mask, *, anew: bool = False, mode: str = "P", numbers: Mask | None = None) -> Path:
    """Write all masks with a palette: in the order of the numbers or, as optimizers do, by frequency in each file."""
    folder.mkdir(exist_ok=True)
    for name, mask in MASKS.items():
        order = np.argsort(-np.bincount(mask.reshape(-1), minlength=25), kind="stable") if anew else np.arange(25)
        table = np.zeros(25, np.uint8)
        table[order] = np.arange(25)
        image = Image.fromarray(table[mask] if numbers is None else numbers[mask], "L" if mode == "L" else None)
        if mode != "L":
            image.putpalette(colors[order].reshape(-1).tolist())
        image = image.convert("RGB") if mode == "RGB" else image
        image.save(folder / f"{name}.png")
    return folder


def read(folder: Path, **given: Any) -> dict[str, Mask]:
    images = LabelImages.open(folder, IDS, **given)
    assert images.reading.doubt == ""
    return {name: images.read(name, [SIZE]) for name in IDS}


def is_right(found: dict[str, Mask]) -> bool:
    return all(np.array_equal(found[name], MASKS[name]) for name in IDS)


def test_one_palette_of_any_colors_is_read_by_index(tmp_path: Path) -> None:
    assert is_right(read(write(tmp_path / "a", OTHER)))
    assert is_right(read(write(tmp_path / "b", OTHER), encoding="classes"))


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_the_colors_of_the_part_table_are_read_as_such(tmp_path: Path, anew: bool, mode: str) -> None:
    folder = write(tmp_path / "a", part_table().palette, anew=anew, mode=mode)
    assert is_right(read(folder))
    assert is_right(read(folder, encoding="colors"))


def test_gray_levels_that_were_numbered_anew_are_read_by_level(tmp_path: Path) -> None:
    assert is_right(read(write(tmp_path / "a", GRAY, anew=True)))
    raw = np.repeat(part_table().raw_ids[:, None], 3, 1)
    assert is_right(read(write(tmp_path / "b", raw, anew=True)))
    Image.fromarray(MASKS["s0"]).save(tmp_path / "a" / "s0.png")  # which optimizers may write as gray
    assert is_right(read(tmp_path / "a"))


@pytest.mark.parametrize("encoding", ["auto", "classes", "raw"])
def test_other_palettes_that_differ_are_doubtful(tmp_path: Path, encoding: Any) -> None:
    images = LabelImages.open(write(tmp_path / "a", OTHER, anew=True), IDS, encoding)
    assert "the palettes of the masks differ from file to file: index " in images.reading.doubt
    assert [problem.kind for problem in images.problems] == ["reading_doubtful"]


def test_a_stated_palette_settles_it(tmp_path: Path) -> None:
    file = tmp_path / "colors.json"
    file.write_text(json.dumps(OTHER.tolist()))
    stated = read_palette(file)
    assert is_right(read(write(tmp_path / "a", OTHER, anew=True), palette=stated))
    assert is_right(read(write(tmp_path / "b", OTHER, mode="RGB"), palette=stated))
    with pytest.raises(DataError, match="colors without a class: #"):
        read(write(tmp_path / "c", 255 - OTHER), palette=stated)
    for wrong in ([[0, 0, 0]], OTHER[:, :2].tolist(), [[0, 0, 0]] * 25, {"a": 1}, [[0, 0, 300]] * 25):
        file.write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=r"colors\.json: not the colors of 25 classes") as caught:
            read_palette(file)
        assert caught.value.kind == "palette_wrong"


def test_unknown_colors_and_mixtures_are_doubtful(tmp_path: Path) -> None:
    images = LabelImages.open(write(tmp_path / "a", OTHER, mode="RGB"), IDS)
    assert "hold colors that stand for no known class" in images.reading.doubt
    write(tmp_path / "b", OTHER)
    Image.fromarray(MASKS["s0"]).save(tmp_path / "b" / "s0.png")
    assert "some masks are gray, and others have a palette" in LabelImages.open(tmp_path / "b", IDS).reading.doubt
    tens = 10 * GRAY[::-1]
    assert is_right(read(write(tmp_path / "c", tens)))  # levels that are no labels: one palette, read by index
    two = write(tmp_path / "d", GRAY[::-1])
    assert "either may be meant" in LabelImages.open(two, IDS).reading.doubt
    assert is_right(read(two, encoding="classes"))


def test_classes_that_are_counted_from_1_and_colors_that_begin_with_blue_are_named(tmp_path: Path) -> None:
    gray = write(tmp_path / "a", OTHER, mode="L", numbers=np.arange(1, 26, dtype=np.uint8))
    assert "classes seem to be counted from 1; subtract 1" in LabelImages.open(gray, IDS).reading.doubt
    blue = write(tmp_path / "b", part_table().palette[:, ::-1], mode="RGB")
    assert "swap red and blue" in LabelImages.open(blue, IDS).reading.doubt


def test_stray_files_are_passed_over_and_counted(tmp_path: Path) -> None:
    folder = write(tmp_path / ".hidden", OTHER)  # the folder that was given may be called anything
    for name in ("._s0.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"\x00\x05\x16\x07")
    for parent in (".ipynb_checkpoints", "__MACOSX", ".Trash-1000"):
        (folder / parent).mkdir()
        (folder / parent / "s1.png").write_bytes((folder / "s1.png").read_bytes())
    images = LabelImages.open(folder, IDS)
    assert [(one.kind, one.kept) for one in images.problems] == [("stray_files", True)]
    assert "7 files that operating systems or notebooks left were passed over" in images.problems[0].reason
    assert images.files["s1"] == folder / "s1.png"


FLIP = part_table().flip
ROLLED = np.concatenate([[0], np.roll(np.arange(1, 25), 1)]).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda mask: mask[:, ::-1], "masks mirrored"),
        (lambda mask: mask[::-1], "masks upside down"),
        (lambda mask: mask[::-1, ::-1], "masks turned by 180 degrees"),
        (lambda mask: FLIP[mask], "masks with left and right swapped"),
        (lambda mask: FLIP[mask[:, ::-1]], "masks mirrored with left and right swapped"),
        (lambda mask: ROLLED[mask], "masks with classes in another order (1 for "),
        (lambda mask: (mask + 1) % 25, "masks with classes in another order (0 for right forearm, 1 for background, "),
    ],
)
def test_masks_in_another_place_or_order_are_named_and_undone(change: Any, what: str) -> None:
    wrong = {name: np.ascontiguousarray(change(mask)) for name, mask in MASKS.items()}
    likely = likely_mask_reading(((wrong[name], MASKS[name]) for name in IDS), part_table())
    assert likely is not None
    assert likely.what.startswith(what)
    assert is_right({name: likely.apply(wrong[name]) for name in IDS})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda mask: np.rot90(mask), "masks turned by 90 degrees to the left"),
        (lambda mask: np.rot90(mask, -1), "masks turned by 90 degrees to the right"),
        (lambda mask: mask.T, "masks of which rows and columns are swapped"),
        (lambda mask: mask[::-1, ::-1].T, "masks of which rows and columns are swapped and run backwards"),
    ],
)
def test_square_masks_may_be_turned_by_90_degrees(change: Any, what: str) -> None:
    square = [mask[:30, :30] for mask in MASKS.values()]
    likely = likely_mask_reading(((np.ascontiguousarray(change(mask)), mask) for mask in square), part_table())
    assert likely is not None
    assert likely.what == what
    assert all(np.array_equal(likely.apply(change(mask)), mask) for mask in square)


BODY = (
    (20, 22, 7), (19, 8, 0), (18, 4, 0), (13, 1, -4), (15, 6, -4), (2, 3, -4), (16, 7, 4), (17, 9, 4), (6, 3, 4),
    (21, 5, -10), (22, 5, -13), (23, 6, 10), (24, 4, 13),
)  # fmt: skip
"""Class, height and horizontal offset of the boxes of a body, in cells."""


def person(rng: np.random.Generator) -> Mask:
    """A mask (96, 128) of somebody somewhere who faces the camera or turns the back to it."""
    mask = np.zeros((96, 128), np.uint8)
    left, top = int(rng.integers(30, 98)), int(rng.integers(5, 20))
    side = 1 if rng.random() < 0.8 else -1
    for place, (number, height, offset) in enumerate(BODY):
        row, column = top + 5 * min(place, 12), left + side * offset
        mask[row : row + height, column - 4 : column + 5] = number
    return mask


def honest(true: list[Mask], rng: np.random.Generator) -> dict[str, list[Mask]]:
    """What models predict that are good, coarse, barely trained, or know nothing at all."""
    size = true[0].shape

    def each(change: Any) -> list[Mask]:
        return [np.ascontiguousarray(change(mask), np.uint8) for mask in true]

    return {
        "good": each(lambda mask: np.where(rng.random(size) < 0.02, rng.integers(0, 25, size), mask)),
        "noisy": each(lambda mask: np.where(rng.random(size) < 0.6, 0, mask)),
        "coarse": each(lambda mask: np.kron(mask[::8, ::8], np.ones((8, 8), np.uint8))),
        "beside": each(lambda mask: np.roll(mask, 4, 1)),
        "elsewhere": each(lambda mask: np.roll(mask, 40, 1)),
        "background": each(lambda mask: np.zeros(size)),
        "one class": each(lambda mask: np.full(size, 7)),
        "people are torso": each(lambda mask: np.where(mask > 0, 19, 0)),
        "sides by chance": each(lambda mask: np.where(rng.random(size) < 0.5, mask, FLIP[mask])),
        "sides of somebody who faces the camera": each(lambda mask: FLIP[mask] if rng.random() < 0.3 else mask),
        "classes by chance": each(lambda mask: np.where(mask > 0, rng.integers(1, 25, size), 0)),
        "noise": each(lambda mask: rng.integers(0, 25, size)),
        "blocks": each(lambda mask: np.kron(rng.integers(0, 25, (6, 8)), np.ones((16, 16)))),
        "shuffled": [true[place] for place in rng.permutation(len(true))],
        "the same everywhere": [true[0]] * len(true),
        "three classes": each(lambda mask: np.select([mask > 17, mask > 0], [20, 13], 0)),
    }


@pytest.mark.parametrize("number", [1, 2, 9, 10, 30])
@pytest.mark.parametrize("seed", range(3))
def test_honest_models_are_read_as_they_are(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = [person(rng) for _ in range(number)]
    for name, found in honest(true, rng).items():
        likely = likely_mask_reading(zip(found, true, strict=True), part_table())
        assert likely is None, f"{name}: {likely.what}"


def test_few_masks_may_be_upside_down_but_not_mirrored() -> None:
    rng = np.random.default_rng(0)
    true = [person(rng) for _ in range(2)]
    likely = likely_mask_reading(((np.ascontiguousarray(mask[::-1]), mask) for mask in true), part_table())
    assert likely is not None
    assert likely.what == "masks upside down"
    for change in (lambda mask: mask[:, ::-1], lambda mask: FLIP[mask], lambda mask: ROLLED[mask]):
        assert likely_mask_reading(((np.ascontiguousarray(change(mask)), mask) for mask in true), part_table()) is None
    assert likely_mask_reading((), part_table()) is None
