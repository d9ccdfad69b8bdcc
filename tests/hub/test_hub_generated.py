"""The whole way on a generated tree: raw files to store, to dataset, to annotations, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_hub_publish import run_without_package

from hcmoco_bench.hub.hashes import array_sha256
from hcmoco_bench.hub.join import join
from hcmoco_bench.hub.publish import publish
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu import decode_frames, read_depth, scan
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.arrays.samples import decode_row
from hcmoco_bench.store.kinds.ntu import NTU
from hcmoco_bench.store.verify import verify_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stores(generated_tree: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("generated-stores")
    parsing = check_options(parts=True, align="registered", rows_per_shard=7)
    prepare_ntu([generated_tree.root], folder / "parsing4k", parsing, annotations=generated_tree.masks)
    prepare_ntu([generated_tree.root], folder / "pretrain", check_options(set="pretrain", every=4))
    return {name: folder / name for name in ("parsing4k", "pretrain")}


def test_raw_depth_comes_out_of_load_dataset(generated_tree: Any, stores: dict[str, Path], tmp_path: Path) -> None:
    made = publish(list(stores.values()), tmp_path / "people")
    code = """
out = {}
for name in ("parsing", "pretrain"):
    for row in load_dataset(sys.argv[1], name, split="train"):
        depth = np.array(row["depth"])
        assert depth.dtype == np.uint16
        out[row["sample_id"]] = hashlib.sha256(depth.tobytes()).hexdigest()
print(json.dumps(out))
"""
    loaded = run_without_package(code, tmp_path / "cache", str(made.folder))
    clips = scan([generated_tree.root]).clips
    assert len(loaded) > 20
    for sample_id, sha256 in loaded.items():
        sample = SampleId.parse(sample_id)
        depth = clips[sample.clip].depth
        assert depth is not None
        assert sha256 == array_sha256(read_depth(depth.frame(sample.frame)))
    assert "**Everybody in this dataset is generated.**" in (made.folder / "README.md").read_text()


@pytest.mark.parametrize("sample_set", ["parsing4k", "pretrain"])
def test_there_and_back(generated_tree: Any, stores: dict[str, Path], tmp_path: Path, sample_set: str) -> None:
    shared = publish(list(stores.values()), tmp_path / "shared", annotations_only=True)
    joined = join(shared.folder, [generated_tree.root], tmp_path / "joined", sample_set=sample_set)
    assert joined.rows == joined.expected > 10
    assert joined.differing == {}
    ours, theirs = NTU.open(tmp_path / "joined"), NTU.open(stores[sample_set])
    assert ours.splits == theirs.splits
    assert ours.stored_splits == theirs.stored_splits
    for split in theirs.stored_splits:
        for row, expected in zip(ours.rows(split), theirs.rows(split), strict=True):
            np.testing.assert_equal(row, expected)
    assert verify_store(tmp_path / "joined").passed


def test_difference_hashes_tell_the_frames_of_rooms_apart(generated_tree: Any, stores: dict[str, Path]) -> None:
    """Every image of another rig or performance is farther than the tolerance, so another clip cannot pass."""
    from hcmoco_bench.hub.hashes import DIFFERENCE_TOLERANCE, difference, difference_hash

    hashes: dict[str, str] = {}
    for row in NTU.open(stores["pretrain"]).rows("train"):
        hashes.setdefault(row["sample_id"][:20], difference_hash(decode_row(row).rgb))
    clips = list(hashes)
    distances = [difference(hashes[one], hashes[other]) for i, one in enumerate(clips) for other in clips[i + 1 :]]
    assert len(distances) == 36
    assert min(distances) > DIFFERENCE_TOLERANCE
    tree = scan([generated_tree.root])
    video = tree.clips[SampleId.parse(f"{clips[0]}F001").clip].rgb
    assert video is not None
    frames = [rgb for _, rgb in decode_frames(video, [1, 2])]
    assert difference(difference_hash(frames[0]), difference_hash(frames[1])) < min(distances)
