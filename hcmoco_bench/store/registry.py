"""Kinds of store by name: those of this package, of this process, and of installed packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from hcmoco_bench.errors import StoreError
from hcmoco_bench.runtime.registry import Registry
from hcmoco_bench.store.kind import StoreKind
from hcmoco_bench.store.manifest import MANIFEST_FILE, manifest_kind
from hcmoco_bench.store.store import AnyStore

GROUP: Final = "hcmoco_bench.stores"
"""Entry-point group in which other packages name their kinds of store."""

UNNAMED: Final = "ntu"
"""The kind of stores whose manifest names none."""

Need: TypeAlias = Literal["bodies", "people", "parts", "poses", "depth", "publishable"]

_NEEDS: Final[dict[Need, str]] = {
    "bodies": "has no tracked skeletons; give a store of `hcmoco-bench prepare ntu`",
    "people": "has no annotated people; give a store of `hcmoco-bench prepare mpii` or `prepare coco`",
    "parts": "has no part masks; give a store that has, e.g. one of `hcmoco-bench prepare ntu --annotations MASKS`",
    "poses": "has no 3-D joints; extract Human3.6M's D3_Positions_mono and D2_Positions beside its videos, and prepare "
    "it with `hcmoco-bench prepare human36m --overwrite`",
    "depth": "has no depth; give a store that has, e.g. one of `hcmoco-bench prepare ntu`",
    "publishable": "cannot be published; give a store of `hcmoco-bench prepare ntu`",
}
"""What is said of a store that lacks a capability."""

STORE_KINDS: Final[Registry[StoreKind[Any]]] = Registry(
    "kind of store",
    StoreKind,  # type: ignore[type-abstract]
    GROUP,
    {
        UNNAMED: "hcmoco_bench.store.kinds.ntu:NTU",
        "human36m": "hcmoco_bench.store.kinds.human36m:HUMAN36M",
        "keypoint-images": "hcmoco_bench.store.kinds.keypoints:KEYPOINTS",
    },
)


def register_store(kind: StoreKind[Any] | type[StoreKind[Any]]) -> None:
    """Add a kind of store in this process; installed packages use an entry point instead.

    Raises:
        UsageError: If a kind of that name is there already.
    """
    STORE_KINDS.register(kind.name, kind)


def store_kinds() -> tuple[str, ...]:
    """Names of all kinds of store."""
    return STORE_KINDS.names()


def store_kind(name: str) -> StoreKind[Any]:
    """The kind of that name; raises UsageError if there is none."""
    return STORE_KINDS.get(name)


def open_store(folder: Path, *needs: Need) -> AnyStore:
    """Open the finished store in a folder, of whichever kind it is.

    Args:
        folder: The store's folder.
        needs: Capabilities that the store must have.

    Raises:
        StoreError: If there is none, it is not finished, it is of a kind that no installed package knows, or it lacks
            a capability.
    """
    name = manifest_kind(folder) or UNNAMED
    if name not in STORE_KINDS:
        raise StoreError(
            f"{folder / MANIFEST_FILE}: a store of the kind {name!r}, which is not installed (known: "
            f"{', '.join(store_kinds())}); install the package that made it"
        )
    store: AnyStore = store_kind(name).open(folder)
    for need in needs:
        if not getattr(store.capabilities, need):
            raise StoreError(f"{folder}: this store ({store.kind.title}) {_NEEDS[need]}")
    return store
