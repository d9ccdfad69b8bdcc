"""A real NTU video and a real skeleton file, as its user would share and rebuild them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hcmoco_bench.errors import LicenseError
from hcmoco_bench.hub.join import join
from hcmoco_bench.hub.publish import publish
from hcmoco_bench.hub.push import PushTarget, push
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.sources.ntu import Asset, count_frames
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.store.kinds.ntu import NTU, PrepareOptions


def of_length(text: str, n_frames: int) -> str:
    """The skeletons of a file, again and again or cut off, for so many frames."""
    lines = text.splitlines()
    frames, position = [], 1
    while position < len(lines):
        start, position = position, position + 1
        for _ in range(int(lines[start])):
            position += 2 + int(lines[position + 1])
        frames.append(lines[start:position])
    chosen = [line for number in range(n_frames) for line in frames[number % len(frames)]]
    return "\n".join([str(n_frames), *chosen]) + "\n"


@pytest.mark.real
@pytest.mark.lists
def test_a_real_clip_is_shared_without_its_pixels(real_files: Path, official_lists: Path, tmp_path: Path) -> None:
    video = next((real_files / "ntu").glob("*_rgb.avi"))
    rig = str(ClipName.search(video.name))[:8]
    skeleton = next((real_files / "ntu").glob(f"{rig}*.skeleton"))
    root = tmp_path / "ntu"
    root.mkdir()
    # Video and skeleton are of two clips of one rig; here they stand for one.
    shutil.copyfile(video, root / f"{skeleton.stem}_rgb.avi")
    (root / skeleton.name).write_text(of_length(skeleton.read_text(), count_frames(Asset(video))))
    options = PrepareOptions(set="pretrain", rgb_only=True)
    store = prepare_ntu([root], tmp_path / "store", options, lists=official_lists).store
    assert not store.manifest.source.generated
    shared = publish([store.path], tmp_path / "shared", annotations_only=True)
    content = b"".join(path.read_bytes() for path in shared.folder.rglob("*") if path.is_file())
    assert b"\xff\xd8\xff" not in content
    rows = pq.read_table(shared.folder / "data/annotations").to_pylist()
    assert len(rows) >= 3
    assert {row["calibration"]["rig"] for row in rows} == {rig}
    assert "**may not be redistributed**" in (shared.folder / "README.md").read_text()
    full = publish([store.path], tmp_path / "full")
    with pytest.raises(LicenseError):
        push(full.folder, PushTarget("me/ntu"))
    joined = join(shared.folder, [root], tmp_path / "joined")
    assert joined.rows == joined.expected == len(rows)
    assert list(NTU.open(tmp_path / "joined").rows("train")) == list(store.rows("train"))
