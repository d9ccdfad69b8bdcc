"""What a pre-training has seen, held against what a task hides."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.data.ntu_index import read_index
from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.data.overlap import Overlap
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.pretrain.config import PretrainConfig
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.training.checkpoint import load_checkpoint


def refuse_as_file(path: Path) -> None:
    """Raise UsageError for a checkpoint of this program that is given as a mere file of weights.

    Nothing of it would be checked. Of other programs' files nothing is known, and results say so.
    """
    if path.suffix == ".safetensors":
        return
    try:
        kind = load_checkpoint(path)["kind"]
    except DataError:
        return  # another program's; a damaged one is refused when it is loaded
    raise UsageError(f"{path}: a checkpoint of kind {kind!r} of this program; give a pre-training as --ckpt")


def check_fits(path: Path, trained: PretrainConfig, *, backbone: str, joints: str, dim: int) -> None:
    """Raise UsageError unless all of a pre-training's networks have their partners in a model of both modalities.

    Args:
        path: The checkpoint, for messages.
        trained: Its settings.
        backbone: Of both encoders.
        joints: Of the keypoints' encoder.
        dim: Of the embeddings.
    """
    if trained.method == "mmv" or trained.depth_backbone not in (None, trained.backbone):
        raise UsageError(
            f"{path}: needs a pre-training by hcmoco or cmc with one backbone for both modalities; this one is "
            f"{trained.method} with {trained.backbone} and {trained.depth_backbone or trained.backbone}"
        )
    for name, here in (("backbone", backbone), ("joints", joints), ("dim", dim)):
        there = getattr(trained, name)
        if there != here:
            raise UsageError(f"{path}: was trained with {name} = {there}, here it is {here}; give --set {name}={there}")


def check_unseen(path: Path, trained: PretrainConfig, labeled: AnyStore, hidden: Hidden) -> None:
    """Raise UsageError if a pre-training saw what is hidden, or people and clips that are left out with it.

    Stores are known by their manifests. One that was learned from together with the labeled store, by the same rule,
    is in order; of any other the samples are looked through.

    Args:
        path: The checkpoint, for messages.
        trained: Its settings.
        labeled: The labeled store.
        hidden: Its modality that no training may read.
    """
    advice = (
        f'pre-train on both stores with --set \'hide=["{hidden}", "nothing"]\', which leaves such samples out; or '
        "reproduce the authors' way with --protocol published --set overlap=keep"
    )
    own = file_sha256(labeled.path / MANIFEST_FILE)
    others: list[AnyStore] = []
    left_out = False
    for place, unseen in zip(map(Path, trained.stores), trained.hidden(), strict=True):
        try:
            store = open_store(place)
        except StoreError as error:
            raise UsageError(f"{path}: cannot tell what it has seen ({error}); {advice}") from error
        if store.capabilities.people:
            continue
        if file_sha256(place / MANIFEST_FILE) != own:
            others.append(store)
            continue
        left_out = trained.overlap == "leave_out"
        if hidden not in ("nothing", unseen):
            raise UsageError(f"{path}: its pre-training read {hidden} of {place}, which is hidden here; {advice}")
    overlap = Overlap.with_stores([labeled])
    for store in [] if left_out else others:
        marked = int(overlap.marks(read_index(store, "train").ids).sum())
        if marked:
            raise UsageError(
                f"{path}: its pre-training read {marked} samples of {store.path} that are of clips of the labeled "
                f"store or of performers of its test split; {advice}"
            )
