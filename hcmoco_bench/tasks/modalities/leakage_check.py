"""The leakage check: has a pre-training seen what a task hides?"""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.data.data_record import DataRecord, record_stores, store_changes
from hcmoco_bench.data.ntu_index import read_index
from hcmoco_bench.data.ntu_store import Hidden
from hcmoco_bench.data.overlap import Overlap
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.pretrain.multimodal.settings import MultimodalSettings
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.tasks.modalities.contrast import joint_methods, trains_jointly
from hcmoco_bench.tasks.modalities.protocols import LEAKY
from hcmoco_bench.training.checkpoint import load_checkpoint


def refuse_as_file(path: Path) -> None:
    """Raise UsageError for a checkpoint of this program that is given as a mere file of weights (`init`).

    Its pre-training would not be checked. Nothing is known of other programs' files, and results say so.
    """
    if path.suffix == ".safetensors":
        return
    try:
        kind = load_checkpoint(path)["kind"]
    except DataError:
        return  # another program's; a damaged one is refused when it is loaded
    raise UsageError(f"{path}: a checkpoint of kind {kind!r} of this program; give a pre-training as --ckpt")


def check_fits(path: Path, trained: PretrainSettings, *, backbone: str, joints: str, dim: int) -> MultimodalSettings:
    """Check that each network of a pre-training has its partner in the model of a task with shared embeddings.

    Args:
        path: The checkpoint, for messages.
        trained: Settings of the pre-training.
        backbone: Backbone of both encoders here.
        joints: Joint set of the keypoints' encoder here.
        dim: Length of the embeddings here.

    Returns:
        The settings of the pre-training.

    Raises:
        UsageError: If a network differs; names the setting that would fit.
    """
    if not isinstance(trained, MultimodalSettings) or not trains_jointly(trained):
        raise UsageError(
            f"{path}: is a pre-training by {trained.method}; this task needs one by {' or '.join(joint_methods())}"
        )
    if trained.depth_backbone not in (None, trained.backbone):
        raise UsageError(
            f"{path}: has the backbones {trained.backbone} and {trained.depth_backbone}; this task needs a "
            "pre-training with one backbone for both modalities"
        )
    for name, here in (("backbone", backbone), ("joints", joints), ("dim", dim)):
        there = getattr(trained, name)
        if there != here:
            raise UsageError(f"{path}: was trained with {name} = {there}, here it is {here}; give --set {name}={there}")
    return trained


def check_unseen(
    path: Path, trained: MultimodalSettings, data: DataRecord | None, labeled: AnyStore, hidden: Hidden
) -> None:
    """Check that a pre-training has seen neither what is hidden, nor the people and clips that have to be left out.

    Stores are recognized by their manifests. If the pre-training learned from the labeled store too and left the
    overlap out, its other stores are in order; otherwise their samples are looked through.

    Args:
        path: The checkpoint, for messages.
        trained: Settings of the pre-training.
        data: The stores as the pre-training found them; None where its checkpoint does not tell.
        labeled: The labeled store.
        hidden: Modality of the labeled store that no training may read.

    Raises:
        UsageError: If it has seen any of that, or a store is gone or was prepared anew, so that nobody can tell; says
            what to do.
    """
    advice = (
        f'pre-train on both stores with --set \'hide=["{hidden}", "nothing"]\', which leaves such samples out; or '
        f"train as the authors do, with --protocol {LEAKY.name} --set overlap=keep"
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
        changed = _changes_since(data, place)
        if changed:
            raise UsageError(
                f"{path}: cannot tell what it has seen ({place} was prepared anew since: {changed}); {advice}"
            )
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


def _changes_since(data: DataRecord | None, place: Path) -> str:
    """What has changed in a store since a pre-training; empty if nothing has, or nobody knows."""
    before = [] if data is None else [store for store in data.stores if Path(store.path) == place]
    return "; ".join(store_changes(old, now) for old in before for now in record_stores([old.path])).strip("; ")
