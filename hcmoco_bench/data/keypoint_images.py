"""Training samples from a prepared store of MPII or COCO: the RGB and joints of a person, without depth."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.crop_joints import crop_joints, joint_indices
from hcmoco_bench.data.crops import BOX_UNIT, center_scale, square_region
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.sample import VIEW_STREAM, Draw, DrawLike, Joints, Sample, as_draw
from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.data.views import View, ViewOptions, draw_views
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import REDUCTIONS, Reduction, decode_rgb
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.store.registry import open_store

Skeleton: TypeAlias = Literal["crop", "image"]
"""Joints of a photograph that an encoder of keypoints sees: as they stand in the crop, or in the photograph."""

_UNKNOWN_JOINT: Final = -1.0
"""Coordinates of unknown joints in the published pre-training, px."""


class KeypointImagesDataset(Dataset[Sample]):
    """The people of a prepared MPII or COCO store, one sample each; images without people are skipped.

    An image is decoded at 1/2, 1/4 or 1/8 of its size if the crop shrinks it at least that much, which is faster and
    avoids aliasing.

    Args:
        store: Folder of the store.
        split: A split of the store.
        size: Side of the crop in px.
        joints: Joint set of the samples: `mpii16` or `shared13` for MPII, `coco17` or `shared13` for COCO.
        seed: Seed of the random crops and views.
        train: Draw crops of random scale and rotation (`center_scale`); otherwise crop the person's square itself.
        flip: Probability of mirroring in training; the published pre-training does not mirror.
        skeleton: Joints that an encoder of keypoints sees: as they stand in the `crop`, or in the `image`, which does
            not turn with the crop; unknown joints of the image stand at (-1, -1), as published.
        views: How to draw views of the person or the image, also without `train`; None for samples without views.

    Attributes:
        ids: (N,) person ids.
        joints: Joint set of the samples.
        size: Side of the crop in px.

    Raises:
        StoreError: If there is no finished store, no such split, or nobody in it.
        UsageError: If the store cannot supply the joint set.
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
        flip: float = 0.0,
        skeleton: Skeleton = "crop",
        views: ViewOptions | None = None,
    ) -> None:
        opened = open_store(store, "people")
        self.path, self.split, self.size, self.seed, self.train, self.flip = store, split, size, seed, train, flip
        self.joints: Joints = joints
        self.skeleton: Skeleton = skeleton
        self.views = views
        self.source = opened.manifest.dataset
        shards = opened.shards(split)
        self.ids, self._locations, self._joints, self._state, self._squares = _read_people(
            f"{store}, split {split}",
            shards,
            len(joint_set(str(opened.capabilities.joints))),
            joint_indices(str(opened.capabilities.joints), joints, str(store)),
        )
        self._images = ShardReader(shards)
        self._epoch = 0

    def __len__(self) -> int:
        return len(self.ids)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of keys that are bare rows."""
        self._epoch = epoch

    def __getitem__(self, key: DrawLike) -> Sample:
        draw = as_draw(key, self._epoch)
        row = draw.row
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside the {len(self)} rows of {self.path}")
        x, y, scale = self._squares[row].tolist()
        rng = draw.generator(self.seed) if self.train else None
        crop = center_scale(np.array([x, y]), scale, self.size, rng, flip=self.flip)
        factor = next(factor for factor in REDUCTIONS if factor == 1 or crop.scale * factor <= 1.0)
        image = self._decode(row, factor)
        joints, visible = crop_joints(self._joints[row], self._state[row] > 0, self.joints, crop)
        return Sample(
            sample_id=f"{self.source}-{self.ids[row]}",
            source=self.source,
            index=row,
            rgb=image_tensor(crop.of_reduced(factor).rgb(image)),
            depth=None,
            foreground=None,
            parts=None,
            joints=joints,
            visible=visible,
            intrinsics=None,
            skeleton=self._skeleton(row) if self.skeleton == "image" else None,
            views=self._draw_views(draw, image if factor == 1 else None),
        )

    def _skeleton(self, row: int) -> Tensor:
        known = self._state[row][:, None] > 0
        return torch.from_numpy(np.where(known, self._joints[row], np.float32(_UNKNOWN_JOINT)))

    def _draw_views(self, draw: Draw, image: NDArray[np.uint8] | None) -> tuple[View, ...]:
        """The views of a draw, from the image in full resolution if that is decoded already."""
        if self.views is None:
            return ()
        if image is None:
            image = self._decode(draw.row, 1)
        within = None
        if self.views.region == "person":
            x, y, scale = self._squares[draw.row].tolist()
            within = square_region(np.array([x, y]), scale * BOX_UNIT, image.shape[1], image.shape[0])
        return draw_views(image, self.views, draw.generator(self.seed, stream=VIEW_STREAM), within=within)

    def _decode(self, row: int, factor: Reduction) -> NDArray[np.uint8]:
        shard, group, index = self._locations[row].tolist()
        try:
            return decode_rgb(self._images.read(shard, group, index, "image") or b"", reduced=factor)
        except ImageError as error:
            raise StoreError(
                f"{self.path}: image of person {self.ids[row]} cannot be decoded; prepare the store again"
            ) from error


_People = tuple[NDArray[np.str_], NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8], NDArray[np.float64]]


def _read_people(split: str, shards: tuple[Path, ...], n_joints: int, mapping: NDArray[np.intp]) -> _People:
    """Ids (N,); locations (N, 3) shard, group, row; joints (N, J, 2); state (N, J); squares (N, 3) x, y, scale."""
    pieces: list[_People] = []
    for shard, path in enumerate(shards):
        try:
            with open_parquet(path) as file:
                for group in range(file.num_row_groups):
                    people = file.read_row_group(group, ["people"])["people"].combine_chunks()
                    pieces.append(_piece(people, shard, group, n_joints, mapping))
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); prepare the store again") from error
    if not any(len(ids) for ids, *_ in pieces):
        raise StoreError(f"{split}: has nobody; see its problems.jsonl")
    ids, locations, joints, state, squares = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return ids, locations, joints, state, squares


def _piece(people: pa.ListArray, shard: int, group: int, n_joints: int, mapping: NDArray[np.intp]) -> _People:
    rows = pc.list_parent_indices(people).to_numpy()
    flat = people.flatten()
    fields = {name: pc.struct_field(flat, name) for name in ("person_id", "joints", "state", "center", "scale")}
    joints = fields["joints"].flatten().flatten().to_numpy().reshape(-1, n_joints, 2)[:, mapping]
    state = fields["state"].flatten().to_numpy().reshape(-1, n_joints)[:, mapping]
    center = fields["center"].flatten().to_numpy().reshape(-1, 2).astype(np.float64)
    squares = np.column_stack([center, fields["scale"].to_numpy().astype(np.float64)])
    locations = np.column_stack([np.full_like(rows, shard), np.full_like(rows, group), rows]).astype(np.int32)
    return np.array(fields["person_id"].to_pylist(), np.str_), locations, joints, state, squares
