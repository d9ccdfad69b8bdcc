"""Whose people a data set shows: numbers of performers and clips name the same ones within one population alone."""

from __future__ import annotations

from dataclasses import dataclass

from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.store.kinds.ntu import NtuManifest
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.store import AnyStore


@dataclass(frozen=True)
class Population:
    """The people and recordings that names of samples refer to.

    Attributes:
        dataset: Name of the data set.
        key: What tells populations of one data set apart; empty for the recordings of a published data set.
        generated: Whether the people are generated.
        known: Whether another key is certainly another population; False where a store does not say who its people are.
        by_setup: Whether a number is another person in each setup.
    """

    dataset: str
    key: str = ""
    generated: bool = False
    known: bool = True
    by_setup: bool = False

    def is_same(self, other: Population) -> bool | None:
        """Whether names of both mean the same people and clips; None where nobody can tell."""
        if (self.dataset, self.key, self.generated) == (other.dataset, other.key, other.generated):
            return True
        if self.dataset != other.dataset or self.generated != other.generated or (self.known and other.known):
            return False
        return None


def store_population(store: AnyStore) -> Population:
    """The population of a store, as its manifest tells it.

    Raises:
        StoreError: If the manifest cannot be read.
    """
    manifest, dataset = store.manifest, store.kind.dataset(store.manifest)
    if not store.capabilities.generated:
        return Population(dataset)
    if not isinstance(manifest, NtuManifest):
        return Population(dataset, file_sha256(store.path / MANIFEST_FILE), generated=True, known=False)
    people = manifest.generated_people
    if people is None:  # the raw clips are the same where their sizes are, and then so are the people
        return Population(dataset, manifest.inputs.sha256, generated=True, known=False, by_setup=True)
    key = f"seed {people.seed}" + (", recurring" if people.recurring else "")
    return Population(dataset, key, generated=True, by_setup=not people.recurring)
