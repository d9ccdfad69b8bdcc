"""Training samples from a prepared NTU store: RGB, depth, parts and the main body's joints on one crop."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.data.crop_joints import crop_joints, crop_joints3d, joint_indices
from hcmoco_bench.data.crops import (
    box_around,
    jittered_person,
    person_region,
    random_square,
    whole_person,
    whole_person_region,
)
from hcmoco_bench.data.framing import Region, region_of
from hcmoco_bench.data.image_reader import ImageReader
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.ntu_index import NtuIndex, read_index
from hcmoco_bench.data.overlap import Overlap
from hcmoco_bench.data.sample import VIEW_STREAM, DrawLike, Joints, Sample, as_draw
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.data.views import View, ViewOptions, draw_views
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore

JOINT_SET: Final = "kinect25"
"""Joint set of an NTU store."""

NtuJoints: TypeAlias = Literal["mpii16", "shared13"]
"""Joint sets that an NTU store can supply."""

Crops: TypeAlias = Literal["square", "person"]
"""Type of random crop in training."""

Hidden: TypeAlias = Literal["nothing", "rgb", "depth"]
"""The modality of a store that samples come without."""

_METERS_PER_MILLIMETER = 0.001


class NtuStoreDataset(Dataset[Sample]):
    """A split of a prepared NTU store.

    Ids and joints are kept in memory (see `NtuIndex`); images are read and decoded on access. Joints are those of the
    main body, with left and right as in the image; the position of a joint is known if the sensor tracked or inferred
    it. The foreground is where there are part labels or, in a store without part masks, where the masked depth has a
    measurement.

    In training, the crop is a random square around the person (`random_square`) or around the whole person
    (`jittered_person`); otherwise it is the whole person (`whole_person`). Without a tracked body, the box around the
    foreground replaces that around the joints.

    Args:
        store: Folder of the store.
        split: A split of the store, which can be a selection such as `train_20` or `subjects_train`.
        size: Side of the crop in px.
        joints: Joint set of the samples.
        seed: Seed of the random crops and views.
        train: Draw random crops; otherwise the crop is the same every time.
        crops: Type of random crop: `square`, as published, or `person`.
        hide: A modality that samples come without; it is not read at all.
        without: Leave out the samples of these clips and performers.
        joints3d: Whether samples have 3-D joints; these double the memory for joints.
        views: How to draw views of the RGB image, also without `train`; None for samples without views.

    Attributes:
        index: Ids, rigs and joints of all rows.
        joints: Joint set of the samples.
        size: Side of the crop in px.
        nominal_rigs: Rigs whose depth camera could not be calibrated; their samples have nominal intrinsics.

    Raises:
        StoreError: If there is no finished store with skeletons, no such split, or no row in it.
        UsageError: If the store cannot supply the joint set, if the modality to hide is part of the other one, or if
            views are requested of hidden RGB.
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
        joints3d: bool = False,
        views: ViewOptions | None = None,
    ) -> None:
        opened = open_store(store, "bodies")
        self._joint_indices = joint_indices(JOINT_SET, joints, str(store))
        if views is not None and hide == "rgb":
            raise UsageError(f"{store}: views are of RGB, which is hidden; hide depth or nothing")
        self.path, self.split, self.size, self.seed, self.train = store, split, size, seed, train
        self.crops: Crops = crops
        self.joints: Joints = joints
        self.views = views
        self.index: NtuIndex = read_index(opened, split, xyz=joints3d)
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
        self._epoch = 0

    def __len__(self) -> int:
        return len(self.index)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of keys that are bare rows."""
        self._epoch = epoch

    def __getitem__(self, key: DrawLike) -> Sample:
        draw = as_draw(key, self._epoch)
        row = draw.row
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside the {len(self)} rows of {self.path}")
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
        views: tuple[View, ...] = ()
        if self.views is not None and rgb is not None:
            within = person_region(box, *DEPTH_SIZE) if self.views.region == "person" else None
            views = draw_views(rgb, self.views, draw.generator(self.seed, stream=VIEW_STREAM), within=within)
        return self._cropped(row, crop, rgb, depth, parts, views)

    def _cropped(
        self,
        row: int,
        crop: Crop,
        rgb: NDArray[Any] | None,
        depth: NDArray[Any] | None,
        parts: NDArray[Any] | None,
        views: tuple[View, ...],
    ) -> Sample:
        rig = self._intrinsics.of(str(self.index.rigs[row]))
        intrinsics = None if depth is None else crop.intrinsics(*rig)
        millimeters = None if depth is None else crop.depth(depth)
        labels = None if parts is None else crop.parts(parts)
        people = labels if labels is not None else millimeters
        known = self.index.tracking[row][self._joint_indices] > 0
        joints, visible = crop_joints(self.index.joints[row][self._joint_indices], known, self.joints, crop)
        joints3d: Tensor | None = None
        valid3d: Tensor | None = None
        if self.index.joints_xyz is not None:
            xyz = self.index.joints_xyz[row][self._joint_indices]
            joints3d, valid3d = crop_joints3d(xyz, known, self.joints, crop)
        return Sample(
            sample_id=str(self.index.ids[row]),
            source="ntu",
            index=row,
            rgb=None if rgb is None else image_tensor(crop.rgb(rgb)),
            depth=_meters(millimeters),
            foreground=_foreground(people),
            parts=None if labels is None else torch.from_numpy(labels),
            joints=joints,
            visible=visible,
            intrinsics=None if intrinsics is None else torch.from_numpy(intrinsics.astype(np.float32)),
            joints3d=joints3d,
            valid3d=valid3d,
            views=views,
        )

    def _box(self, row: int, depth: NDArray[Any] | None, parts: NDArray[Any] | None) -> NDArray[np.float64]:
        """The box around the joints of the main body, or else around the foreground, or else the whole image."""
        width, height = DEPTH_SIZE
        box = _tracked_box(self.index.joints[row], self.index.tracking[row])
        if box is not None:
            return box
        people = parts if parts is not None and parts.any() else depth
        if people is not None and people.any():
            rows, columns = np.nonzero(people)
            return box_around(np.column_stack([columns, rows]).astype(np.float64), width, height)
        return np.array([0.0, 0.0, width - 1.0, height - 1.0])


def tracked_region(joints: NDArray[np.float32], tracking: NDArray[np.uint8]) -> Region:
    """The square around the joints of a body that the sensor tracked or inferred; the whole frame without any.

    Args:
        joints: (25, 2) px (x, y) in the depth frame.
        tracking: (25,) 0 = unknown, 1 = inferred, 2 = tracked.
    """
    box = _tracked_box(joints, tracking)
    return region_of("fit", *DEPTH_SIZE) if box is None else whole_person_region(box)


def _tracked_box(joints: NDArray[np.float32], tracking: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    known = tracking > 0
    return box_around(joints[known], *DEPTH_SIZE) if known.any() else None


def check_apart(store: AnyStore) -> None:
    """Raise UsageError if the RGB of a store was made with the help of depth, so that neither can hide the other."""
    if store.capabilities.rgb_shows_depth:
        raise UsageError(
            f"{store.path}: its RGB was warped with each frame's depth (--align registered), so that depth would show "
            "in it; prepare with --align homography"
        )


def _meters(millimeters: NDArray[np.uint16] | None) -> Tensor | None:
    if millimeters is None or not millimeters.any():
        return None
    return torch.from_numpy(millimeters.astype(np.float32) * np.float32(_METERS_PER_MILLIMETER)).unsqueeze(0)


def _foreground(people: NDArray[Any] | None) -> Tensor | None:
    if people is None or not people.any():
        return None
    return torch.from_numpy(people > 0)
