"""The sets of samples that an audit compares, and the experiments that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hcmoco_bench.audit.frames import FolderFrames, FrameSource, StoreFrames, store_keys, store_people
from hcmoco_bench.audit.names import SampleNames, sample_names
from hcmoco_bench.audit.population import Population, store_population
from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.data.picture_folder import PictureFolder
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.store import AnyStore

Role: TypeAlias = Literal["pre-training", "unlabeled pairs", "training", "test"]
"""What a set of samples is for; unlabeled pairs are what a task mixes into its training."""


@dataclass(frozen=True, eq=False)
class AuditedSet:
    """Samples of one store or folder that are used for one thing.

    Attributes:
        role: What for.
        where: Where they are, in words.
        names: What they are called.
        population: Whom the names refer to.
        frames: Their images; None where none can be read.
        keys: Name of the image of each sample, for `frames`.
        hides: The modality that is not read of them.
    """

    role: Role
    where: str
    names: SampleNames
    population: Population
    frames: FrameSource | None = None
    keys: tuple[str, ...] = ()
    hides: Hidden = "nothing"

    @property
    def identity(self) -> tuple[str, ...]:
        """The same for sets with the same samples in the same role."""
        ids = fingerprint(self.names.ids)
        return self.role, self.population.dataset, self.population.key, ids, self.hides


@dataclass
class Experiment:
    """What belongs together: the sets of one training and its test.

    Attributes:
        sets: The sets.
        hides: The modality that no training may see of labeled clips.
    """

    sets: list[AuditedSet] = field(default_factory=list)
    hides: Hidden = "nothing"


@dataclass(frozen=True)
class ProtocolFinding:
    """What a protocol lets a model know, and what it measures wrongly.

    Attributes:
        task: Name of the task.
        protocol: Name of the protocol.
        leaks: What leaks, a sentence each; empty if nothing does.
        error: What it measures wrongly on purpose; None if nothing.
    """

    task: str
    protocol: str
    leaks: tuple[str, ...] = ()
    error: str | None = None


@dataclass
class Material:
    """Everything that was read of the paths of an audit.

    Attributes:
        experiments: What is compared, each on its own.
        pretraining: Sets of pre-training that no experiment names; they are compared with all.
        protocols: What is known of protocols.
        problems: What could not be read or told, a line each.
    """

    experiments: list[Experiment] = field(default_factory=list)
    pretraining: list[AuditedSet] = field(default_factory=list)
    protocols: list[ProtocolFinding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, kind: str, where: str, reason: str) -> None:
        """Add a line, unless it is there already."""
        line = Problem("", kind, where, reason, kept=True)
        if line not in self.problems:
            self.problems.append(line)


def store_set(role: Role, store: AnyStore, ids: Sequence[str], what: str, *, hides: Hidden = "nothing") -> AuditedSet:
    """Samples of a store.

    Args:
        role: What they are used for.
        store: The store.
        ids: Their ids, or those of people in its images.
        what: Which of the store's samples they are, in words.
        hides: The modality that is not read of them.

    Raises:
        StoreError: If the store cannot be read.
    """
    population, holds = store_population(store), store.capabilities
    keys = store_keys(store, ids)
    return AuditedSet(
        role,
        f"{store.path} ({what})",
        sample_names(ids, population, clips=keys, people=store_people(store, keys)),
        population,
        None if holds.rgb is None else StoreFrames(store),
        keys,
        hides,
    )


def split_set(role: Role, store: AnyStore, split: str) -> AuditedSet:
    """The rows of a split that are in a store; raises StoreError if it cannot be read."""
    key = store.kind.key
    ids = [row_id for table in store.tables(split, [key]) for row_id in table[key].to_pylist()]
    return store_set(role, store, ids, split)


def folder_set(role: Role, folder: PictureFolder) -> AuditedSet:
    """The pictures of a folder; nothing tells who is on them."""
    frames = FolderFrames(folder)
    names = frames.names()
    population = Population("pictures", str(folder.path.absolute()))
    return AuditedSet(role, f"{folder.path} (pictures)", sample_names(names, population), population, frames, names)
