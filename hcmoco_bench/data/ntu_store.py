"""Training samples from a prepared NTU store: RGB, depth, parts and the main body's joints on one crop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.data.crop_joints import crop_joints, joint_indices
from hcmoco_bench.data.crops import box_around, jittered_person, random_square, whole_person
from hcmoco_bench.data.image_reader import ImageReader
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.ntu_index import NtuIndex, read_index
from hcmoco_bench.data.overlap import Overlap
from hcmoco_bench.data.sample import DrawLike, Joints, Sample, as_draw
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore

JOINT_SET: Final = "kinect25"
"""Joint set of an NTU store."""

NtuJoints: TypeAlias = Literal["mpii16", "shared13"]
"""Joint sets that an NTU store can supply."""

Crops: TypeAlias = Literal["square", "person"]
"""Which random crops training takes."""

Hidden: TypeAlias = Literal["nothing", "rgb", "depth"]
"""The modality of a store that is not read."""

_METRES = 0.001


class NtuStoreDataset(Dataset[Sample]):
    """A split of a prepared NTU store.

    In memory are ids and joints (about 300 bytes a sample); images are read and decoded when asked for. Joints are
    the main body's, with sides as in the image; a joint is known if the tracker gave it a place, tracked or inferred.
    The foreground is where there are parts, or, in stores without masks, where the masked depth has a measurement.

    For training the crop is a random square around the person (`random_square`), or the whole person, jittered
    (`jittered_person`); otherwise the whole person (`whole_person`). Without a tracked body, the box around the
    foreground takes the place of the joints' box.

    Args:
        store: Folder of the store.
        split: A split of it, also a selection such as `train_20` or `subjects_train`.
        size: Side of the crop, px.
        joints: Joint set of the samples.
        seed: Of the crops.
        train: Random crops; otherwise the same crop every time.
        crops: Which random crops: `square`, as published, or `person`.
        hide: Samples come without this modality; nothing of it is read, not even to see that it is there.
        without: Samples of such clips and performers are left out.

    Attributes:
        index: Ids, rigs and joints of all rows.
        joints: The joint set.
        size: Side of the crop, px.
        nominal_rigs: Rigs whose depth camera could not be calibrated; samples of theirs have nominal intrinsics.

    Raises:
        StoreError: If there is no finished store with skeletons, no such split, or no row in it.
        UsageError: If a modality is to be hidden that went into the other one.
    """

    def __init__(
        self,
        store: Path,
        split: str = "train",
        *,
        size: int = 320,
        joints: Joints = "mpii16",
        seed: int = 0,
        train: bool = True,
        crops: Crops = "square",
        hide: Hidden = "nothing",
        without: Overlap | None = None,
    ) -> None:
        opened = open_store(store, "bodies")
        self.path, self.split, self.size, self.seed, self.train = store, split, size, seed, train
        self.crops: Crops = crops
        self.joints: Joints = joints
        self.index: NtuIndex = read_index(opened, split)
        if not len(self.index):
            raise StoreError(f"{store}: split {split!r} has no rows; see its problems.jsonl")
        if without is not None:
            self.index = self.index.rows(~without.marks(self.index.ids))
            if not len(self.index):
                raise StoreError(
                    f"{store}: every sample of {split!r} is of a clip of the labeled store or a performer of its test "
                    "split; prepare others, or set overlap=keep, which lets them be seen"
                )
        if hide != "nothing":
            check_apart(opened)
        self.hide: Hidden = hide
        self._images = ImageReader(store, opened.shards(), self.index.ids, self.index.locations)
        self._intrinsics = RigIntrinsics.of_store(opened)
        used = set(np.unique(self.index.rigs).tolist())
        self.nominal_rigs = tuple(rig for rig in self._intrinsics.nominal if rig in used)
        self._has_depth = opened.capabilities.depth and hide != "depth"
        self._has_parts = opened.capabilities.parts
        self._mapping = joint_indices(JOINT_SET, joints, str(store))
        self._epoch = 0

    def __len__(self) -> int:
        return len(self.index)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of rows that are asked for without one."""
        self._epoch = epoch

    def __getitem__(self, key: DrawLike) -> Sample:
        draw = as_draw(key, self._epoch)
        row = draw.row
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside of the {len(self)} of {self.path}")
        rgb = None if self.hide == "rgb" else self._images.read(row, "rgb")
        if rgb is None and self.hide != "rgb":
            raise StoreError(f"sample {self.index.ids[row]}: no rgb; run verify on {self.path}")
        depth = self._images.read(row, "depth") if self._has_depth else None
        parts = self._images.read(row, "parts") if self._has_parts else None
        box = self._box(row, depth, parts)
        if not self.train:
            crop = whole_person(box, self.size)
        elif self.crops == "person":
            crop = jittered_person(box, self.size, draw.generator(self.seed))
        else:
            crop = random_square(box, *DEPTH_SIZE, self.size, draw.generator(self.seed))
        return self._cropped(row, crop, rgb, depth, parts)

    def _cropped(
        self, row: int, crop: Crop, rgb: NDArray[Any] | None, depth: NDArray[Any] | None, parts: NDArray[Any] | None
    ) -> Sample:
        rig = self._intrinsics.of(str(self.index.rigs[row]))
        intrinsics = None if depth is None else crop.intrinsics(*rig)
        millimeters = None if depth is None else crop.depth(depth)
        labels = None if parts is None else crop.parts(parts)
        people = labels if labels is not None else millimeters
        joints, visible = crop_joints(
            self.index.joints[row][self._mapping], self.index.tracking[row][self._mapping] > 0, self.joints, crop
        )
        return Sample(
            sample_id=str(self.index.ids[row]),
            source="ntu",
            index=row,
            rgb=None if rgb is None else image_tensor(crop.rgb(rgb)),
            depth=_meters(millimeters),
            foreground=_where(people),
            parts=None if labels is None else torch.from_numpy(labels),
            joints=joints,
            visible=visible,
            intrinsics=None if intrinsics is None else torch.from_numpy(intrinsics.astype(np.float32)),
        )

    def _box(self, row: int, depth: NDArray[Any] | None, parts: NDArray[Any] | None) -> NDArray[np.float64]:
        """The box around the main body's joints, or else around the foreground, or else the whole image."""
        width, height = DEPTH_SIZE
        known = self.index.tracking[row] > 0
        if known.any():
            return box_around(self.index.joints[row][known], width, height)
        people = parts if parts is not None and parts.any() else depth
        if people is not None and people.any():
            lines, columns = np.nonzero(people)
            return box_around(np.column_stack([columns, lines]).astype(np.float64), width, height)
        return np.array([0.0, 0.0, width - 1.0, height - 1.0])


def check_apart(store: AnyStore) -> None:
    """Raise UsageError if RGB of a store was made with the help of depth, so that neither can be hidden from it."""
    if store.capabilities.rgb_shows_depth:
        raise UsageError(
            f"{store.path}: its RGB was warped with each frame's depth (--align registered), so that depth would show "
            "in it; prepare with --align homography"
        )


def _meters(millimeters: NDArray[np.uint16] | None) -> Tensor | None:
    if millimeters is None or not millimeters.any():
        return None
    return torch.from_numpy(millimeters.astype(np.float32) * np.float32(_METRES)).unsqueeze(0)


def _where(people: NDArray[Any] | None) -> Tensor | None:
    if people is None or not people.any():
        return None
    return torch.from_numpy(people > 0)
