"""The way back: annotations and one's own raw data to the rows that were published."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "prepare"))
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree, write_video

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.hub.hash_check import HashChecks
from hcmoco_bench.hub.hashes import hash_row
from hcmoco_bench.hub.join import join
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.prepare.executors import LocalExecutor
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.kinds.ntu import NTU, PrepareOptions
from hcmoco_bench.store.verify import verify_store


def build_tree(root: Path, videos: Callable[[int], Path]) -> RawTree:
    tree = RawTree(root, videos)
    for clip in CLIPS:
        tree.add_clip(clip, samples=[int(sample[-3:]) for sample in (*TRAIN, *TEST) if sample.startswith(clip)])
    return tree


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    write_video(path, 12)
    return lambda _: path


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, video: Callable[[int], Path]) -> RawTree:
    """The publisher's raw data."""
    return build_tree(tmp_path_factory.mktemp("publisher") / "raw", video)


@pytest.fixture(scope="module")
def store(tree: RawTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The publisher's store, in two shards a split."""
    lists = tree.write_lists(TRAIN, TEST)
    options = PrepareOptions(parts=True, align="registered", rows_per_shard=2)
    path = tmp_path_factory.mktemp("publisher") / "store"
    prepare_ntu([tree.root], path, options, annotations=tree.masks, lists=lists)
    return path


@pytest.fixture(scope="module")
def shared(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """What the publisher shares: no pixels, but the masks."""
    return publish([store], tmp_path_factory.mktemp("shared") / "it", annotations_only=True, with_masks=True)


@pytest.fixture
def own(tmp_path: Path, tree: RawTree, video: Callable[[int], Path]) -> RawTree:
    """The user's own copy, elsewhere."""
    shutil.copytree(tree.root, tmp_path / "own")
    return RawTree(tmp_path / "own", video)


def rows_of(store: Path) -> list[dict[str, Any]]:
    opened = NTU.open(store)
    return [row for split in opened.stored_splits for row in opened.rows(split)]


def problems_of(store: Path) -> dict[str, str]:
    return {problem.id: problem.kind for problem in NTU.open(store).problems()}


def test_the_same_raw_data_gives_the_same_rows_splits_and_transforms(
    store: Path, shared: Published, own: RawTree, tmp_path: Path
) -> None:
    shutil.rmtree(own.masks)  # the masks come with the annotations
    joined = join(shared.folder, [own.root], tmp_path / "joined")
    assert (joined.rows, joined.expected, joined.differing) == (8, 8, {})
    assert rows_of(tmp_path / "joined") == rows_of(store)
    assert NTU.open(tmp_path / "joined").splits == NTU.open(store).splits
    assert (tmp_path / "joined/calibration.json").read_bytes() == (store / "calibration.json").read_bytes()
    assert verify_store(tmp_path / "joined").passed
    shards = sorted(path.name for path in store.glob("*.parquet"))
    for name in shards:  # row groups, order, everything but the fingerprint in the footer
        assert pq.read_table(tmp_path / "joined" / name).equals(pq.read_table(store / name))


def test_transforms_are_the_publishers_even_where_ones_own_clips_would_give_others(
    store: Path, shared: Published, own: RawTree, tmp_path: Path
) -> None:
    kept = [clip for clip in CLIPS if clip.startswith(CLIPS[0][:8])]
    for clip in CLIPS:
        if clip not in kept:
            own.rgb(clip).unlink()
            own.skeleton(clip).unlink()
            shutil.rmtree(own.depth(clip, 1).parent)
    joined = join(shared.folder, [own.root], tmp_path / "joined")
    expected = [row for row in rows_of(store) if row["sample_id"][:20] in kept]
    assert 0 < joined.rows == len(expected) < joined.expected
    assert rows_of(tmp_path / "joined") == expected
    assert Calibration.load(tmp_path / "joined/calibration.json") == Calibration.load(store / "calibration.json")
    assert set(problems_of(tmp_path / "joined").values()) == {"clip_missing"}
    assert verify_store(tmp_path / "joined").passed


def _other_depth(own: RawTree, clip: str, frame: int) -> None:
    depth = cv2.imread(str(own.depth(clip, frame)), cv2.IMREAD_UNCHANGED)
    depth[200, 250] += 1  # one pixel, one millimeter
    cv2.imwrite(str(own.depth(clip, frame)), depth)


def _other_skeleton(own: RawTree, clip: str, frame: int) -> None:
    text = own.skeleton(clip).read_text()
    own.skeleton(clip).write_text(text.replace("72057594037", "72057594038"))


def _other_video(own: RawTree, clip: str, frame: int) -> None:
    import av

    own.rgb(clip).unlink()
    rng = np.random.default_rng(0)
    with av.open(str(own.rgb(clip)), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for _ in range(12):
            image = cv2.resize(rng.integers(0, 255, (9, 16, 3), np.uint8), (1920, 1080))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("change", "kind"),
    [(_other_depth, "depth_differs"), (_other_skeleton, "bodies_differ"), (_other_video, "rgb_differs")],
)
def test_a_row_that_differs_is_left_out_and_named(
    store: Path, shared: Published, own: RawTree, tmp_path: Path, change: Callable[..., None], kind: str
) -> None:
    sample = TRAIN[0]
    clip, frame = sample[:20], int(sample[21:])
    change(own, clip, frame)
    joined = join(shared.folder, [own.root], tmp_path / "joined")
    changed = {sample for sample in (*TRAIN, *TEST) if kind != "depth_differs" and sample[:20] == clip} | {sample}
    assert problems_of(tmp_path / "joined") == dict.fromkeys(changed, kind)
    assert joined.differing == {kind: len(changed)}
    assert rows_of(tmp_path / "joined") == [row for row in rows_of(store) if row["sample_id"] not in changed]
    assert verify_store(tmp_path / "joined").passed


def test_ones_own_masks_are_checked(store: Path, own: RawTree, tmp_path: Path) -> None:
    shared = publish([store], tmp_path / "shared", annotations_only=True, with_masks=False)
    without = join(shared.folder, [own.root], tmp_path / "without")
    assert not without.prepared.store.manifest.parts
    assert [{**row, "parts": None} for row in rows_of(tmp_path / "without")] == [
        {**row, "parts": None} for row in rows_of(store)
    ]
    mask = cv2.imread(str(own.mask(TRAIN[0])), cv2.IMREAD_UNCHANGED)
    mask[0, 0] = 46
    cv2.imwrite(str(own.mask(TRAIN[0])), mask)
    joined = join(shared.folder, [own.root], tmp_path / "joined", masks=own.masks)
    assert problems_of(tmp_path / "joined") == {TRAIN[0]: "parts_differ"}
    assert rows_of(tmp_path / "joined") == [row for row in rows_of(store) if row["sample_id"] != TRAIN[0]]
    assert joined.rows == 7


def test_workers_give_the_same_store(store: Path, shared: Published, own: RawTree, tmp_path: Path) -> None:
    join(shared.folder, [own.root], tmp_path / "joined", executor=LocalExecutor(2))
    assert rows_of(tmp_path / "joined") == rows_of(store)
    again = join(shared.folder, [own.root], tmp_path / "joined")
    assert again.prepared.nothing_to_do
    assert again.rows == 8


def test_samples_that_the_publisher_lacked_are_not_made_unchecked(tree: RawTree, own: RawTree, tmp_path: Path) -> None:
    lists = tree.write_lists(TRAIN, TEST)
    poorer = shutil.copytree(tree.root, tmp_path / "poorer")
    (poorer / "nturgb+d_depth_masked" / TRAIN[0][:20] / f"MDepth-{int(TRAIN[0][21:]):08d}.png").unlink()
    prepare_ntu([poorer], tmp_path / "store", PrepareOptions(), lists=lists)
    shared = publish([tmp_path / "store"], tmp_path / "shared", annotations_only=True)
    joined = join(shared.folder, [own.root], tmp_path / "joined")
    assert problems_of(tmp_path / "joined") == {TRAIN[0]: "not_published"}
    assert (joined.rows, joined.expected) == (7, 7)


def test_frames_by_stride_are_those_that_were_published(tree: RawTree, own: RawTree, tmp_path: Path) -> None:
    lists = tree.write_lists(TRAIN, TEST)
    options = PrepareOptions(set="pretrain", every=5)
    prepare_ntu([tree.root], tmp_path / "store", options, lists=lists)
    shared = publish([tmp_path / "store"], tmp_path / "shared", annotations_only=True)
    own.add_clip("S001C001P001R001A099")  # a clip that the publisher did not have
    joined = join(shared.folder, [own.root], tmp_path / "joined")
    assert joined.rows == joined.expected > 0
    assert rows_of(tmp_path / "joined") == rows_of(tmp_path / "store")
    assert verify_store(tmp_path / "joined").passed


def test_both_sets_need_a_choice(store: Path, pretrain_store: Path, own: RawTree, tmp_path: Path) -> None:
    shared = publish([store, pretrain_store], tmp_path / "shared", annotations_only=True)
    with pytest.raises(UsageError, match="parsing4k and pretrain"):
        join(shared.folder, [own.root], tmp_path / "joined")
    assert join(shared.folder, [own.root], tmp_path / "joined", sample_set="parsing4k").rows == 8
    with pytest.raises(UsageError, match="no annotations of itop"):
        join(shared.folder, [own.root], tmp_path / "joined", sample_set="itop")


def test_masks_for_a_publication_that_never_had_any(tree: RawTree, own: RawTree, tmp_path: Path) -> None:
    prepare_ntu([tree.root], tmp_path / "store", PrepareOptions(), lists=tree.write_lists(TRAIN, TEST))
    shared = publish([tmp_path / "store"], tmp_path / "shared")
    with pytest.raises(UsageError, match="without masks"):
        join(shared.folder, [own.root], tmp_path / "joined", masks=own.masks)


@pytest.mark.parametrize("pattern", ["data/annotations/*.parquet", "provenance/parsing/splits.json"])
@pytest.mark.parametrize("damage", ["flip", "remove"])
def test_a_damaged_publication_is_named(
    shared: Published, own: RawTree, tmp_path: Path, pattern: str, damage: str
) -> None:
    copy = shutil.copytree(shared.folder, tmp_path / "copy")
    path = next(copy.glob(pattern))
    if damage == "remove":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(DataError, match=path.name) as caught:
        join(copy, [own.root], tmp_path / "joined")
    assert caught.value.kind == "publication_unreadable"
    assert not (tmp_path / "joined").exists()


def test_a_folder_that_is_no_publication(own: RawTree, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"publication\.json: is missing"):
        join(own.root, [own.root], tmp_path / "joined")


def test_other_versions_of_the_codec_are_kept_with_a_line(store: Path) -> None:
    row = rows_of(store)[0]
    sample = SampleId.parse(row["sample_id"])
    check = HashChecks({sample: hash_row(row)}, parts=True, version="1")([sample])
    assert check(sample, row) is None
    image = cv2.imdecode(np.frombuffer(row["rgb"]["bytes"], np.uint8), cv2.IMREAD_COLOR)
    other = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 94])[1].tobytes()
    problem = check(sample, {**row, "rgb": {"bytes": other, "path": "x.jpg"}})
    assert problem is not None
    assert (problem.kind, problem.kept, problem.id) == ("rgb_reencoded", True, str(sample))
