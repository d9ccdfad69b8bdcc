"""The head on shared embeddings: against the published one, and what a head of 1x1 convolutions cannot do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.body import part_table
from hcmoco_bench.data.parsing import IGNORE
from hcmoco_bench.metrics.segmentation import SegmentationMetric
from hcmoco_bench.models.embedding_head import EmbeddingHead
from hcmoco_bench.models.mappers import normalize
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.modalities.settings import SharedEmbeddingSettings
from hcmoco_bench.tasks.parsing.objective import pixel_loss

OURS = {"convs.0.conv": "layers.0", "convs.0.norm_name": "layers.1", "conv_seg": "scores"}
"""Published names of the layers, and ours."""

SOURCES = {"max": ("rgb", "depth"), "rgb": ("rgb",), "depth": ("depth",)}


def our_name(published: str) -> str:
    layer, _, entry = published.rpartition(".")
    return f"{OURS[layer]}.{entry}"


@pytest.mark.oracle
@pytest.mark.parametrize("prefix", SOURCES)
class TestPublished:
    @pytest.fixture
    def reference(self, oracle: Path) -> dict[str, Tensor]:
        with np.load(oracle / "joint_head.npz", allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.array(arrays[name])) for name in arrays}

    @pytest.fixture
    def head(self, reference: dict[str, Tensor]) -> EmbeddingHead:
        state = {our_name(name.removeprefix("state/")): reference[name] for name in group(reference, "state/")}
        n_classes, dim = state["scores.weight"].shape[:2]
        head = EmbeddingHead(dim, n_classes, int(reference["stride"]))
        head.load_state_dict(state)
        return head

    def test_training(self, reference: dict[str, Tensor], head: EmbeddingHead, prefix: str) -> None:
        embeddings = {name: reference[f"{name}_embedding"].requires_grad_() for name in SOURCES[prefix]}
        scores = head.train()(fused(embeddings))
        close(scores, reference[f"{prefix}/logits_train"], 1e-5)
        loss, _ = pixel_loss(scores, reference["label"].long(), reference["class_weights"])
        assert float(loss.detach()) == pytest.approx(float(reference[f"{prefix}/loss"]), rel=1e-5)
        (weight_of_the_labels(reference) * loss).backward()
        for name in group(reference, f"{prefix}/grad/"):
            parameter = head.get_parameter(our_name(name.removeprefix(f"{prefix}/grad/")))
            # what batch norm takes out again has a gradient of rounding alone, relative to its neighbor's
            weight = reference[name.replace("conv.bias", "conv.weight")]
            close(parameter.grad, reference[name], 2e-5 * float(weight.abs().max()))
        for name, embedding in embeddings.items():
            gradient = reference[f"{prefix}/grad_{name}_embedding"]
            close(embedding.grad, gradient, 2e-5 * float(gradient.abs().max()))
        moved = group(reference, f"{prefix}/after_train/")
        assert moved
        for name in moved:
            close(head.get_buffer(our_name(name.removeprefix(f"{prefix}/after_train/"))), reference[name], 1e-6)

    def test_scoring(self, reference: dict[str, Tensor], head: EmbeddingHead, prefix: str) -> None:
        label = reference["label"].long()
        assert int(reference["ignore_index"]) == IGNORE
        with torch.inference_mode():
            scores = head.eval()(fused({name: reference[f"{name}_embedding"] for name in SOURCES[prefix]}))
            loss, _ = pixel_loss(scores, label, reference["class_weights"])
        close(scores, reference[f"{prefix}/logits_eval"], 1e-5)
        assert float(loss) == pytest.approx(float(reference[f"{prefix}/loss_eval"]), rel=1e-5)
        names = part_table().names if scores.shape[1] == len(part_table()) else [str(n) for n in range(scores.shape[1])]
        metric = SegmentationMetric(names, ignore_index=int(reference["ignore_index"]), absent="zero")
        metric.update_logits(scores, label, [str(number) for number in range(len(label))])
        found = metric.compute()
        right = found.confusion.diagonal()
        np.testing.assert_array_equal(right, reference[f"{prefix}/intersection"])
        union = found.confusion.sum(0) + found.confusion.sum(1) - right
        np.testing.assert_array_equal(union, reference[f"{prefix}/union"])
        for name in ("miou", "macc", "aacc"):
            assert getattr(found, name) == pytest.approx(float(reference[f"{prefix}/{name}"]), rel=1e-9)


def group(reference: dict[str, Tensor], start: str) -> list[str]:
    found = [name for name in reference if name.startswith(start)]
    assert found, start
    return found


def fused(embeddings: dict[str, Tensor]) -> Tensor:
    """The larger value of the normalized embeddings, per cell and channel."""
    return torch.stack([normalize(one, dim=1) for one in embeddings.values()]).amax(0)


def weight_of_the_labels(reference: dict[str, Tensor]) -> float:
    """The factor of the cross entropy, which is the default of both tasks."""
    wanted = float(reference["loss_weight"])
    for task in ("cross_modality", "missing_modality"):
        settings = make_finetune_settings(task, {"init": "scratch"})
        assert isinstance(settings, SharedEmbeddingSettings)
        assert settings.parsing_weight == wanted
    return wanted


def close(found: Tensor | None, expected: Tensor, tolerance: float) -> None:
    assert found is not None
    assert found.shape == expected.shape
    assert float((found.detach() - expected).abs().max()) <= tolerance


@pytest.mark.parametrize("train", [True, False])
def test_a_cell_is_labeled_by_its_own_embedding_alone(train: bool) -> None:
    generator = torch.Generator().manual_seed(4)
    embeddings = normalize(torch.randn(3, 8, 5, 6, generator=generator, dtype=torch.float64), dim=1)
    order = torch.randperm(30, generator=generator)
    head = EmbeddingHead(8, 4, 1).double().train(train)
    shuffled = head(embeddings.flatten(2)[..., order].unflatten(2, (5, 6)))
    expected = head(embeddings).flatten(2)[..., order].unflatten(2, (5, 6))
    torch.testing.assert_close(shuffled, expected)
    assert not torch.allclose(shuffled, head(embeddings))


@pytest.mark.parametrize("stride", [2, 4])
def test_scores_have_the_size_of_the_input(stride: int) -> None:
    embeddings = normalize(torch.randn(2, 8, 3, 5, generator=torch.Generator().manual_seed(1)), dim=1)
    torch.manual_seed(0)
    cells = EmbeddingHead(8, 4, 1).eval()
    head = EmbeddingHead(8, 4, stride).eval()
    head.load_state_dict(cells.state_dict())
    expected = functional.interpolate(cells(embeddings), size=(3 * stride, 5 * stride), mode="bilinear")
    torch.testing.assert_close(head(embeddings), expected)


def test_no_sample_gives_no_score_and_still_a_gradient() -> None:
    head = EmbeddingHead(8, 4)
    scores = head(torch.zeros(0, 8, 3, 5))
    assert scores.shape == (0, 4, 12, 20)
    scores.sum().backward()
    assert head.scores.weight.grad is not None
    assert not head.scores.weight.grad.any()


def test_scores_of_half_precision_are_enlarged_in_full_precision() -> None:
    head = EmbeddingHead(8, 4).eval().bfloat16()
    assert head(torch.randn(1, 8, 2, 2).bfloat16()).dtype == torch.float32
