"""How well embeddings agree across modalities on samples that were held out: retrieval, and dense correspondence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.pretrain.multimodal.model import Embeddings

PAIRS = (("rgb", "depth"), ("depth", "keypoints"))
"""Query and gallery of the retrievals that are reported."""


@dataclass(frozen=True)
class Agreement:
    """What was measured on held-out samples.

    Attributes:
        n_samples: Samples that have all three modalities; each is a query, and all are the gallery.
        recall_at_1: By pair (`rgb->depth`, `depth->keypoints`): share of queries whose nearest gallery entry is their
            own sample, 0..1.
        chance: What recall at 1 is for embeddings that know nothing: 1 / n_samples.
        n_cells: Foreground cells of RGB maps behind the dense errors.
        dense_error: Distance, in cells of the map, from an RGB foreground cell to the depth cell of the same sample,
            anywhere in the crop, whose feature is nearest; mean over cells, then over samples. nan without maps.
        dense_error_on_person: The same with only the foreground's depth cells as candidates.
        dense_chance: What `dense_error` is for a cell of the crop drawn at random.
        dense_chance_on_person: What `dense_error_on_person` is for a foreground cell drawn at random.
    """

    n_samples: int
    recall_at_1: dict[str, float]
    chance: float
    n_cells: int
    dense_error: float
    dense_error_on_person: float
    dense_chance: float
    dense_chance_on_person: float


@dataclass(frozen=True)
class DenseError:
    """Dense correspondence of some samples; see `Agreement` for the four errors.

    Attributes:
        cells: (S,) foreground cells of each sample, all > 0.
        everywhere: (S,) mean error of each sample, all cells as candidates.
        on_person: (S,) the same, foreground cells as candidates.
        chance_everywhere: (S,) expected error of a random cell.
        chance_on_person: (S,) expected error of a random foreground cell.
    """

    cells: Tensor
    everywhere: Tensor
    on_person: Tensor
    chance_everywhere: Tensor
    chance_on_person: Tensor


@torch.no_grad()
def measure_agreement(model: nn.Module, batches: Iterable[Batch], *, device: torch.device | str = "cpu") -> Agreement:
    """Embed held-out samples and measure how well modalities find one another.

    The model is put into evaluation mode for this and back into its mode afterwards.

    Args:
        model: A `MultiModalModel`, on `device`.
        batches: Samples not trained on, each once; those that lack a modality are left out.
        device: Where to compute.

    Raises:
        ValueError: If no sample has all modalities.
    """
    was_training = model.training
    model.eval()
    found: dict[str, list[Tensor]] = {"rgb": [], "depth": [], "keypoints": []}
    errors: list[DenseError] = []
    try:
        for batch in batches:
            on_device = batch.to(device)
            embeddings: Embeddings = model(on_device, dense=True)
            whole = on_device.has_rgb & on_device.has_depth & on_device.has_keypoints
            for name, values in found.items():
                values.append(embeddings.global_[name][whole].cpu())
            if embeddings.maps:
                maps = embeddings.maps
                errors.append(dense_error(maps["rgb"], maps["depth"], on_device.foreground & whole[:, None, None]))
    finally:
        model.train(was_training)
    stacked = {name: torch.cat(values) if values else torch.zeros(0, 1) for name, values in found.items()}
    n_samples = len(stacked["rgb"])
    if n_samples == 0:
        raise ValueError("no sample has RGB, depth and keypoints; nothing can be retrieved")
    recalls = {f"{query}->{gallery}": recall_at_1(stacked[query], stacked[gallery]) for query, gallery in PAIRS}
    return Agreement(
        n_samples=n_samples,
        recall_at_1=recalls,
        chance=1 / n_samples,
        n_cells=int(sum(error.cells.sum().item() for error in errors)),
        dense_error=_mean([error.everywhere for error in errors]),
        dense_error_on_person=_mean([error.on_person for error in errors]),
        dense_chance=_mean([error.chance_everywhere for error in errors]),
        dense_chance_on_person=_mean([error.chance_on_person for error in errors]),
    )


def recall_at_1(queries: Tensor, gallery: Tensor) -> float:
    """Share of queries whose most similar gallery entry is the one of the same row.

    Where several entries tie for the first place, the query counts for its chance of a fair draw among them: embeddings
    that have collapsed to one point get chance, not 1.

    Args:
        queries: (N, D) of length 1, N >= 1.
        gallery: (N, D) of length 1; row i belongs to query i.
    """
    if len(queries) == 0 or queries.shape != gallery.shape:
        raise ValueError(f"queries {tuple(queries.shape)} and gallery {tuple(gallery.shape)} must pair up, N >= 1")
    similarity = queries.double() @ gallery.double().T
    own = similarity.diagonal()[:, None]
    # equal up to rounding: the same vector reached through another row of the product may differ in its last bits
    tied = (similarity - own).abs() <= 1e-12
    better = ((similarity > own) & ~tied).any(dim=1)
    shares = torch.where(better, 0.0, 1.0 / tied.sum(dim=1))
    return float(shares.mean())


def dense_error(rgb: Tensor, depth: Tensor, foreground: Tensor) -> DenseError:
    """Distance from each RGB foreground cell to the depth cell of the same sample with the nearest feature.

    A cell is foreground if the pixel at its corner is, as in the dense objective. Ties go to the first cell in reading
    order.

    Args:
        rgb: (B, C, h, w) features of length 1.
        depth: (B, C, h, w) features of length 1 of the aligned depth.
        foreground: (B, H, W) bool; samples without foreground are left out.

    Returns:
        Errors of the S samples that have foreground, in cells, on the CPU.
    """
    height, width = rgb.shape[-2:]
    person = functional.interpolate(foreground[:, None].float(), size=(height, width), mode="nearest")[:, 0] > 0
    rows, columns = torch.meshgrid(
        torch.arange(height, device=rgb.device), torch.arange(width, device=rgb.device), indexing="ij"
    )
    places = torch.stack([rows, columns], dim=-1).reshape(-1, 2).float()
    lines = []
    for one_rgb, one_depth, one_person in zip(rgb.flatten(2), depth.flatten(2), person.flatten(1), strict=True):
        cells = one_person.nonzero()[:, 0]
        if len(cells) == 0:
            continue
        similarity = one_rgb[:, cells].float().T @ one_depth.float()
        nearest = similarity.argmax(dim=1)
        nearest_on_person = cells[similarity[:, cells].argmax(dim=1)]
        here = places[cells]
        lines.append(
            torch.stack(
                [
                    torch.tensor(float(len(cells)), device=rgb.device),
                    (here - places[nearest]).norm(dim=1).mean(),
                    (here - places[nearest_on_person]).norm(dim=1).mean(),
                    torch.cdist(here, places).mean(),
                    torch.cdist(here, here).mean(),
                ]
            )
        )
    table = torch.stack(lines, dim=1).double().cpu() if lines else torch.zeros(5, 0, dtype=torch.float64)
    return DenseError(*table)


def _mean(parts: list[Tensor]) -> float:
    values = torch.cat(parts) if parts else torch.zeros(0)
    return float(values.mean()) if len(values) else math.nan
