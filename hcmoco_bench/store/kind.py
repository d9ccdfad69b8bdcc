"""A kind of store: everything about a data set's store that the rest of the package needs to know, in one object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.manifest import StoreManifest, read_manifest
from hcmoco_bench.store.verification import Failure, ShardFindings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hcmoco_bench.store.store import Store

ManifestT = TypeVar("ManifestT", bound=StoreManifest)


@dataclass(frozen=True)
class Capabilities:
    """What a store holds. Code that needs something of a store asks for it here, never for the name of its kind.

    Attributes:
        rgb: Column of the color image; None without.
        depth: Whether there is a column `depth`: 16-bit PNG, millimeters, 0 = none, in the frame of the color image.
        parts: Whether there is a column `parts`: 8-bit PNG of class indices 0..24, as large as the color image.
        bodies: Whether there is a column `bodies` of tracked skeletons, main body first, in the form of
            `hcmoco_bench.store.kinds.ntu.BODY`, and images are 512x424 px in the depth frame; what pre-training pairs.
        people: Whether there is a column `people` of annotated joints and squares, in the form of
            `hcmoco_bench.store.kinds.keypoints.PERSON`.
        poses: Whether there is a column `pose` of 3-D joints in the camera's coordinates, in the form of
            `hcmoco_bench.store.kinds.human36m.POSE`.
        joints: Name of the joint set of `bodies`, `people` or `poses`; None without.
        group: Column of the performer or subject that a row shows; frames of one person are alike. None if unknown.
        rigs: Whether rows name their camera rig (`setup`, `camera`) and `calibration.json` holds its cameras.
        labeled: Whether the rows are frames chosen for labels, with a test split; people of that split and all of the
            clips are left out when unlabeled frames are learned from beside it.
        rgb_shows_depth: Whether the color images were made with the help of depth, so that neither can be hidden.
        generated: Whether all of it is generated, so that nobody's license is touched; None if that is not known.
        publishable: Whether `publish` can make a dataset of it: its manifest, columns and calibration are those of an
            NTU store (`hcmoco_bench.store.kinds.ntu`).
    """

    rgb: str | None = None
    depth: bool = False
    parts: bool = False
    bodies: bool = False
    people: bool = False
    poses: bool = False
    joints: str | None = None
    group: str | None = None
    rigs: bool = False
    labeled: bool = False
    rgb_shows_depth: bool = False
    generated: bool | None = None
    publishable: bool = False


class StoreKind(ABC, Generic[ManifestT]):
    """A kind of store. Subclasses have no state, so that worker processes can have them, too.

    A package outside adds a kind by a subclass of this and `register_store`, or an entry point in the group
    `hcmoco_bench.stores` that names the subclass or an object of it. A store of the kind is then written by
    `hcmoco_bench.store.prepare.prepare_store`, and opened, verified and viewed like any other.

    Attributes:
        name: Name of the kind, as in the field `kind` of its manifests.
        title: The data set's name in messages and results, e.g. `Human3.6M`.
        maker: The command that makes such a store, e.g. "`hcmoco-bench prepare human36m`".
        foreign: What a message says of a manifest that does not fit; `{why}` stands for the first reason. None for a
            sentence made of `title` and `maker`.
        manifest_model: Model of the manifest.
        key: Column that identifies a row.
        noun: What a row is called in messages.
        id_hint: What the message about an unknown id says if no problem line mentions it.
        row_group: Rows a row group: what a writer holds and a reader loads at once.
        statistics: Columns whose smallest and largest values go into the shards' footers.
        files: Files of a finished store beside `manifest.json`, `splits.json`, `problems.jsonl` and shards.
        hidden: Files that only an unfinished store has, beside its plan.
        once: Whether a row may be in one stored split only.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    maker: ClassVar[str]
    foreign: ClassVar[str | None] = None
    manifest_model: type[ManifestT]
    key: ClassVar[str] = "sample_id"
    noun: ClassVar[str] = "sample"
    id_hint: ClassVar[str] = "it was not asked for"
    row_group: ClassVar[int] = 32
    statistics: ClassVar[tuple[str, ...]] = ("sample_id",)
    files: ClassVar[tuple[str, ...]] = ()
    hidden: ClassVar[tuple[str, ...]] = ()
    once: ClassVar[bool] = True

    @abstractmethod
    def schema(self, manifest: ManifestT) -> pa.Schema:
        """Arrow schema of the shards of a store with this manifest."""

    @abstractmethod
    def capabilities(self, manifest: ManifestT) -> Capabilities:
        """What a store with this manifest holds."""

    @abstractmethod
    def row_failures(self, row: Mapping[str, Any], manifest: ManifestT) -> Iterator[str]:
        """Everything that is wrong with a row of the right columns, a sentence each; `verify` calls this."""

    @abstractmethod
    def decode(self, row: Mapping[str, Any]) -> Any:
        """Decode a row to typed arrays.

        Returns:
            `SampleArrays` for rows with `bodies`, `PhotographArrays` for rows with `people`, `FrameArrays` for other
            rows with a color image, or a type of its own if `figure` draws it.

        Raises:
            StoreError: If an image is missing or cannot be decoded.
        """

    def figure(self, rows: Sequence[Mapping[str, Any]], manifest: ManifestT) -> Figure | None:
        """The sheet that `view` shows of some rows; None for the sheet that the store's capabilities call for."""
        return None

    def dataset(self, manifest: ManifestT) -> str:
        """The data set's name in results."""
        return self.title

    def class_weights(self, manifest: ManifestT) -> NDArray[np.float32] | None:
        """(25,) published training weights of the parts' classes; None if none are published for this data set."""
        return None

    def hashes(self, manifest: ManifestT) -> dict[str, str]:
        """SHA-256 of each of `files` by name, as the manifest states it."""
        return {}

    def upgraded(self, table: pa.Table, manifest: ManifestT) -> pa.Table:
        """Rows read from a store of an older version with the columns of today, missing ones null."""
        return table

    def other_ids(self, row: Mapping[str, Any]) -> Iterable[str]:
        """Ids inside a row that must be unique in their split, e.g. those of people."""
        return ()

    def counts(self, row: Mapping[str, Any]) -> Mapping[str, int]:
        """What `verify` sums over the rows of a shard, by name, for `failures`."""
        return {}

    def row_id(self, text: str) -> str:
        """The key of a row from what a user types."""
        return text

    def problem_row(self, problem: Problem) -> str | None:
        """The key of the row that a problem line is about; None if it is about something else, e.g. a person."""
        return problem.id

    def failures(self, store: Store[ManifestT], findings: Mapping[str, ShardFindings]) -> Iterator[Failure]:
        """What else `verify` finds wrong with a store, beyond the checks of every kind.

        Args:
            store: The store.
            findings: Ids and more of each shard, by file name.

        Raises:
            StoreError: If a file of the store cannot be read.
        """
        yield from ()

    def read_manifest(self, folder: Path) -> ManifestT:
        """Read the manifest in a folder.

        Raises:
            StoreError: If there is none, or it is one of another kind or version.
        """
        foreign = self.foreign or f"not the manifest of a {self.title} store ({{why}}); give the store of {self.maker}"
        return read_manifest(folder, self.manifest_model, missing=f"run {self.maker}", foreign=foreign)

    def open(self, folder: Path) -> Store[ManifestT]:
        """Open the finished store of this kind in a folder; raises StoreError as `read_manifest` does."""
        from hcmoco_bench.store.store import Store

        return Store(folder, self.read_manifest(folder), self)
