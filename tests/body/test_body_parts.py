from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from hcmoco_bench.body import PartTable, part_table
from hcmoco_bench.errors import DataError, LabelError

# As published with NTURGBD-Parsing-4K; the class index is the position.
PUBLISHED = {
    0: "background",
    1: "right hip",
    2: "right knee",
    3: "right foot",
    6: "left hip",
    7: "left knee",
    8: "left foot",
    17: "left shoulder",
    18: "left elbow",
    19: "left hand",
    25: "right shoulder",
    26: "right elbow",
    27: "right hand",
    32: "crotch",
    33: "right thigh",
    34: "right calf",
    38: "left thigh",
    39: "left calf",
    43: "lower spine",
    44: "upper spine",
    46: "head",
    49: "left arm",
    50: "left forearm",
    56: "right arm",
    58: "right forearm",
}
PARTNERS = [(1, 6), (2, 7), (3, 8), (17, 25), (18, 26), (19, 27), (33, 38), (34, 39), (49, 56), (50, 58)]
WEIGHTS = (
    "1.448 49.234 49.483 48.030 49.247 49.492 48.018 49.704 50.052 49.369 49.694 50.090 49.425 49.459 45.846 "
    "47.156 45.868 47.197 44.167 42.789 44.341 48.632 48.873 48.644 49.004"
)


def test_ids_names_and_weights_are_the_published_ones() -> None:
    table = part_table()
    assert dict(zip(table.raw_ids.tolist(), table.names, strict=True)) == PUBLISHED
    assert table.weights.tolist() == np.array(WEIGHTS.split(), np.float32).tolist()


def test_partners_are_the_published_ones() -> None:
    table = part_table()
    pairs = {tuple(sorted((int(table.raw_ids[i]), int(table.raw_ids[j])))) for i, j in enumerate(table.flip) if i != j}
    assert pairs == set(PARTNERS)


def test_flip_is_an_involution_that_swaps_left_and_right_in_names() -> None:
    table = part_table()
    assert np.array_equal(table.flip[table.flip], np.arange(25))
    swap = {"left": "right", "right": "left"}
    for name, other in zip(table.names, np.array(table.names)[table.flip], strict=True):
        assert other == " ".join(swap.get(word, word) for word in name.split())


def test_colors_are_distinct_and_background_is_black() -> None:
    palette = part_table().palette
    assert len({tuple(color) for color in palette.tolist()}) == 25
    assert palette[0].tolist() == [0, 0, 0]


def test_encode_and_decode_are_inverse() -> None:
    classes = np.arange(25, dtype=np.uint8).reshape(5, 5)
    raw = part_table().encode(classes)
    assert set(raw.ravel().tolist()) == set(PUBLISHED)
    assert np.array_equal(part_table().decode(raw, source="mask.png"), classes)


def test_decode_refuses_every_unlisted_id_and_names_file_id_and_pixels() -> None:
    for raw in sorted(set(range(256)) - set(PUBLISHED)):
        mask = np.zeros((4, 6), np.uint8)
        mask[1, :3] = raw
        with pytest.raises(LabelError, match=rf"folder/mask\.png.*id {raw} \(3 px\)") as caught:
            part_table().decode(mask, source="folder/mask.png")
        assert isinstance(caught.value, DataError)
        assert (caught.value.kind, caught.value.file) == ("mask_unknown_id", "folder/mask.png")


def test_decode_of_nothing_is_nothing() -> None:
    assert part_table().decode(np.empty((0, 7), np.uint8), source="").shape == (0, 7)


def test_encode_refuses_a_class_beyond_the_table() -> None:
    with pytest.raises(LabelError, match=r"25 is outside 0\.\.24"):
        part_table().encode(np.array([25], np.uint8))


def test_index_of_an_unknown_name() -> None:
    assert part_table().index("left calf") == 17
    with pytest.raises(LabelError, match="'left wing'"):
        part_table().index("left wing")


@pytest.mark.parametrize(
    "parts",
    [
        [{"raw": 0, "name": "background"}, {"raw": 1, "name": "a", "partner": 2}, {"raw": 2, "name": "b"}],
        [{"raw": 0, "name": "background"}, {"raw": 0, "name": "a"}],
        [{"raw": 3, "name": "a"}],
        [{"raw": 0, "name": "background", "alias": "nothing"}],
        [{"raw": 300, "name": "a"}],
    ],
    ids=["one-sided partner", "duplicate id", "no background", "unknown field", "id beyond a byte"],
)
def test_tables_that_contradict_themselves_are_refused(parts: list[dict[str, object]]) -> None:
    with pytest.raises(ValidationError):
        PartTable.model_validate({"part": [{"weight": 1.0, "color": (1, 2, 3)} | part for part in parts]})
