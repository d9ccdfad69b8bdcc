"""Pairs of views from every kind of store and from folders: the right people, and the same pair for the same draw."""

from __future__ import annotations

import pickle
from dataclasses import fields
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hcmoco_bench.data import Draw, KeypointImagesDataset, NtuStoreDataset, ViewOptions
from hcmoco_bench.data.loader import make_loader_with
from hcmoco_bench.data.view_pairs import ViewPair, ViewPairData, collate_view_pairs, open_view_pairs
from hcmoco_bench.data.views import View
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.registry import open_store

PLAIN = {"jitter_probability": 0.0, "gray_probability": 0.0, "blur_probability": 0.0, "flip_probability": 0.0}
OPTIONS = ViewOptions(size=32)


def write_noise(folder: Path, number: int, *, width: int = 90, height: int = 70, grain: int = 10) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for one in range(number):
        pixels = np.random.default_rng(one).integers(0, 256, (height // grain, width // grain, 3), np.uint8)
        image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        image.save(folder / f"{one}.jpg", quality=95)
    return folder


def same(one: View, other: View) -> bool:
    return torch.equal(one.image, other.image) and (one.region, one.flipped) == (other.region, other.flipped)


def same_pair(one: ViewPair, other: ViewPair) -> bool:
    return one.sample_id == other.sample_id and same(one.query, other.query) and same(one.key, other.key)


def test_pairs_are_those_of_the_other_data_sets_of_a_store(
    parsing_store: Path, pretrain_store: Path, mpii_store: Path, coco_store: Path
) -> None:
    """The other data sets find people and decode images on their own."""
    others = {
        parsing_store: lambda: NtuStoreDataset(parsing_store, size=24, views=OPTIONS, seed=5),
        pretrain_store: lambda: NtuStoreDataset(pretrain_store, size=24, views=OPTIONS, seed=5),
        mpii_store: lambda: KeypointImagesDataset(mpii_store, size=24, views=OPTIONS, seed=5),
        coco_store: lambda: KeypointImagesDataset(coco_store, size=24, views=OPTIONS, seed=5, joints="coco17"),
    }
    whole_images = OPTIONS.model_copy(update={"size": 512})  # nothing is decoded at a reduced size
    for store, other in others.items():
        data = open_view_pairs([str(store)], [], OPTIONS, seed=5)
        dataset = other()
        assert data.lengths == (len(dataset),)
        for draw in (Draw(0, 0), Draw(len(dataset) - 1, 3), Draw(1, 2, 1)):
            pair, sample = data.dataset[draw], dataset[draw]
            for view, expected in zip((pair.query, pair.key), sample.views, strict=True):
                assert (view.region, view.flipped) == (expected.region, expected.flipped) or min(view.region[2:]) >= 64
        dataset.views = whole_images
        whole = open_view_pairs([str(store)], [], whole_images, seed=5).dataset
        for draw in (Draw(0, 1), Draw(1, 4)):
            for view, expected in zip((whole[draw].query, whole[draw].key), dataset[draw].views, strict=True):
                assert same(view, expected)


def test_people_of_human36m_are_found_by_their_labels(human36m_store: Path) -> None:
    data = open_view_pairs([str(human36m_store)], [], OPTIONS, seed=0)
    rows = list(open_store(human36m_store).rows("train"))
    assert len(data.dataset) == len(rows)
    for row, record in enumerate(rows):
        image = data.dataset.sources[0].image(row)
        assert image.sample_id == record["sample_id"]
        parts = np.asarray(Image.open(BytesIO(record["parts"]["bytes"])))
        assert (image.height, image.width) == parts.shape
        down, across = np.nonzero(parts)
        assert image.within is not None
        left, top, width, height = image.within
        # The square around the labeled pixels with an eighth more on each side, as far as it is inside the image.
        half = 1.25 * max(np.ptp(across), np.ptp(down)) / 2
        for start, length, places, limit in ((left, width, across, image.width), (top, height, down, image.height)):
            middle = (places.min() + places.max()) / 2 + 0.5
            assert start == pytest.approx(max(0, middle - half), abs=0.51)
            assert start + length == pytest.approx(min(limit, middle + half), abs=0.51)


def test_only_the_training_split_is_learned_from(parsing_store: Path) -> None:
    data = open_view_pairs([str(parsing_store)], [], OPTIONS, seed=0)
    ids = {data.dataset[Draw(row)].sample_id for row in range(len(data.dataset))}
    splits = open_store(parsing_store).splits
    assert ids <= set(splits["train"].ids)
    assert not ids & set(splits["test"].ids)


def test_people_of_a_test_split_do_not_come_in_by_another_store(parsing_store: Path, pretrain_store: Path) -> None:
    test = {SampleId.parse(one).clip.performer for one in open_store(parsing_store).splits["test"].ids}
    clips = {SampleId.parse(one).clip for split in open_store(parsing_store).splits.values() for one in split.ids}
    alone = open_view_pairs([str(pretrain_store)], [], OPTIONS, seed=0)
    kept = open_view_pairs([str(parsing_store), str(pretrain_store)], [], OPTIONS, seed=0, overlap="keep")
    assert kept.lengths[1] == alone.lengths[0]
    unlabeled = {SampleId.parse(alone.dataset[Draw(row)].sample_id).clip for row in range(len(alone.dataset))}
    left = {clip for clip in unlabeled if clip not in clips and clip.performer not in test}
    if not left:
        with pytest.raises(StoreError, match="overlap=keep"):
            open_view_pairs([str(pretrain_store), str(parsing_store)], [], OPTIONS, seed=0)
        return
    mixed = open_view_pairs([str(parsing_store), str(pretrain_store)], [], OPTIONS, seed=0)
    rows = range(mixed.lengths[0], len(mixed.dataset))
    assert {SampleId.parse(mixed.dataset[Draw(row)].sample_id).clip for row in rows} == left


def test_views_of_pictures_show_what_their_boxes_say(tmp_path: Path) -> None:
    """Also where the picture is decoded at a half, a quarter or an eighth of its size, and lies on its side."""
    write_noise(tmp_path, 1, width=1210, height=1502, grain=40)
    with Image.open(tmp_path / "0.jpg") as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.crop((0, 0, 1208, 1496)).save(tmp_path / "turned.jpg", quality=95, exif=exif)
        image.crop((0, 0, 1207, 1501)).save(tmp_path / "turned odd.jpg", quality=95, exif=exif)
    for size in (32, 100, 300):
        data = open_view_pairs([], [str(tmp_path)], ViewOptions(size=size, **PLAIN), seed=1)
        assert data.lengths == (3,)
        for row, name in enumerate(("0.jpg", "turned odd.jpg", "turned.jpg")):
            pair = data.dataset[Draw(row, 2)]
            assert pair.sample_id == name
            with Image.open(tmp_path / name) as image:
                upright = image.rotate(-90, expand=True) if row else image.convert("RGB")
            for view in (pair.query, pair.key):
                left, top, width, height = view.region
                assert left + width <= upright.width
                assert top + height <= upright.height
                part = upright.crop((left, top, left + width, top + height))
                expected = np.asarray(part.resize((size, size), Image.Resampling.BILINEAR)).astype(int)
                assert np.abs(view.image.permute(1, 2, 0).numpy() - expected).mean() < 1.5, (size, name)


def test_a_draw_gives_the_same_pair_in_any_process_and_order(tmp_path: Path, mpii_store: Path) -> None:
    write_noise(tmp_path / "a", 5)
    data = open_view_pairs([str(mpii_store)], [str(tmp_path / "a")], OPTIONS, seed=7)
    assert (len(data.lengths), data.fingerprints[0]) == (2, None)
    draws = [Draw(row, epoch) for epoch in (3, 0) for row in range(len(data.dataset))]
    first = [data.dataset[draw] for draw in draws]
    copied = pickle.loads(pickle.dumps(data.dataset))
    again = open_view_pairs([str(mpii_store)], [str(tmp_path / "a")], OPTIONS, seed=7).dataset
    for draw, pair in list(zip(draws, first, strict=True))[::-1]:
        assert same_pair(copied[draw], pair)
        assert same_pair(again[draw], pair)
    assert not same_pair(first[0], data.dataset[Draw(0, 1)])
    assert not same_pair(first[0], open_view_pairs([str(mpii_store)], [], OPTIONS, seed=8).dataset[draws[0]])
    assert not same(first[0].query, first[0].key)
    batches = list(make_loader_with(data.collate, data.dataset, draws[:6], batch_size=3, workers=1))
    for number, batch in enumerate(batches):
        here = collate_view_pairs(first[3 * number : 3 * number + 3], 3)
        assert batch.sample_ids == here.sample_ids
        for side in ("query", "key"):
            for field in fields(getattr(batch, side)):
                assert torch.equal(getattr(getattr(batch, side), field.name), getattr(getattr(here, side), field.name))


def test_batches_keep_what_the_views_show(tmp_path: Path) -> None:
    data = open_view_pairs([], [str(write_noise(tmp_path, 3))], OPTIONS, seed=0)
    pairs = [data.dataset[Draw(row)] for row in range(3)]
    batch = data.collate(iter(pairs), 3)
    assert (len(batch), batch.sample_ids, batch.problems) == (3, ("0.jpg", "1.jpg", "2.jpg"), ())
    for row, pair in enumerate(pairs):
        for views, view in ((batch.query, pair.query), (batch.key, pair.key)):
            left, top, width, height = view.region
            assert views.images.dtype == torch.uint8
            assert torch.equal(views.images[row], view.image)
            assert views.boxes[row].tolist() == [top, left, height, width]
            assert bool(views.flipped[row]) == view.flipped
    assert batch.to("meta").key.images.device.type == "meta"
    with pytest.raises(ValueError, match="at least one"):
        data.collate(iter(()), 1)


def harm(path: Path) -> None:
    """Damage in the middle of a JPEG, which no header shows."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 300] = b"\xff\xd0" * 150
    path.write_bytes(data)


def test_a_picture_found_damaged_is_passed_over_and_named(tmp_path: Path) -> None:
    write_noise(tmp_path, 4)
    harm(tmp_path / "1.jpg")
    harm(tmp_path / "2.jpg")
    data = open_view_pairs([], [str(tmp_path)], OPTIONS, seed=0)
    assert (data.lengths, data.problems) == ((4,), ())
    pair = data.dataset[Draw(1, 5)]
    assert pair.sample_id == "3.jpg"
    assert [problem.id for problem in pair.problems] == ["1.jpg", "2.jpg"]
    assert {problem.kind for problem in pair.problems} == {"picture_unreadable"}
    assert str(tmp_path / "1.jpg") in pair.problems[0].reason
    assert same_pair(data.dataset[Draw(1, 5)], pair)
    assert not same(pair.query, data.dataset[Draw(3, 5)].query)
    batch = data.collate([data.dataset[Draw(row)] for row in (0, 2, 3)], 3)
    assert batch.sample_ids == ("0.jpg", "3.jpg", "3.jpg")
    assert [problem.id for problem in batch.problems] == ["2.jpg"]


def test_a_folder_of_damaged_pictures_ends_in_one_sentence(tmp_path: Path) -> None:
    write_noise(tmp_path, 3)
    for number in range(3):
        harm(tmp_path / f"{number}.jpg")
    data = open_view_pairs([], [str(tmp_path)], OPTIONS, seed=0)
    with pytest.raises(DataError, match=r"3 pictures in a row are damaged: .*1\.jpg: cannot be decoded"):
        data.dataset[Draw(1)]


def test_what_cannot_be_opened(tmp_path: Path, coco_store: Path) -> None:
    with pytest.raises(UsageError, match="--store or --pictures"):
        open_view_pairs([], [], OPTIONS, seed=0)
    with pytest.raises(UsageError, match="2 views, not 3"):
        open_view_pairs([str(coco_store)], [], ViewOptions(number=3), seed=0)
    with pytest.raises(StoreError):
        open_view_pairs([str(tmp_path)], [], OPTIONS, seed=0)
    with pytest.raises(UsageError, match="prepared store; give it with --store"):
        open_view_pairs([], [str(coco_store)], OPTIONS, seed=0)
    with pytest.raises(IndexError):
        open_view_pairs([str(coco_store)], [], OPTIONS, seed=0).dataset[Draw(10_000)]
    assert isinstance(open_view_pairs([str(coco_store)], [], OPTIONS, seed=0), ViewPairData)
