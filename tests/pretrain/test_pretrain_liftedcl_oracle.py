"""Two steps of LiftedCL's released training, through this package's loop, objective and optimizers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hcmoco_bench.data.view_pairs import ViewPairBatch
from hcmoco_bench.data.views import ViewBatch
from hcmoco_bench.errors import UsageError
from hcmoco_bench.losses.liftedcl.alignment import align_cells
from hcmoco_bench.losses.liftedcl.key_queue import KeyQueue
from hcmoco_bench.losses.liftedcl.queue_contrast import queue_logits, queue_losses
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.lifting import Lifting
from hcmoco_bench.models.lifting_discriminator import KinematicDiscriminator
from hcmoco_bench.pretrain.liftedcl.model import EmbeddedPairs, LiftedCLModel
from hcmoco_bench.pretrain.liftedcl.objective import LiftedCLObjective
from hcmoco_bench.pretrain.liftedcl.settings import LiftedCLSettings
from hcmoco_bench.pretrain.methods.liftedcl import LiftedCL
from hcmoco_bench.training.device import make_accelerator
from hcmoco_bench.training.loop import TrainingLoop
from hcmoco_bench.training.trackers import Trackers

pytestmark = pytest.mark.oracle

QUERY = {"conv_variant.": "equivariant_head.", "mlp_invariant.": "invariant_head.", "lifting.": "lifting."}
KEY = {"conv_variant.": "key.equivariant_head.", "mlp_invariant.": "key.invariant_head."}


class Reference:
    """The arrays of the file, and its state dicts under this package's names."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as arrays:
            self.arrays = {name: arrays[name] for name in arrays.files}

    def __getitem__(self, name: str) -> Tensor:
        return torch.tensor(self.arrays[name])

    def option(self, name: str) -> Any:
        return self.arrays[f"option/{name}"].item()

    def under(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): self[name] for name in self.arrays if name.startswith(prefix)}

    def model(self, when: str) -> dict[str, Tensor]:
        found = {_renamed(name, QUERY, "rgb_encoder."): x for name, x in self.under(f"{when}/encoder_query/").items()}
        for name, value in self.under(f"{when}/encoder_key/").items():
            if not name.startswith("lifting."):  # the release's key encoder has one that nothing calls
                found[_renamed(name, KEY, "key.encoder.")] = value
        return found | {f"discriminator.{name}": x for name, x in self.under(f"{when}/discriminator/").items()}

    def batch(self, step: int) -> ViewPairBatch:
        def views(which: str) -> ViewBatch:
            crop = self[f"step{step}/crop_{which}"]
            return ViewBatch(self[f"step{step}/image_{which}"], crop[:, :4], crop[:, 4] > 0)

        size = self.option("batch")
        return ViewPairBatch(tuple(f"{step}-{row}" for row in range(size)), views("query"), views("key"))


class StandIn(Encoder):
    """The encoder of the reference: twice 3x3 convolution of stride 2, batch norm, ReLU."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        first, second = state["conv1.weight"], state["conv2.weight"]
        self.conv1 = nn.Conv2d(3, len(first), 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(len(first))
        self.conv2 = nn.Conv2d(len(first), len(second), 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(len(second))
        self.channels, self.strides = (len(second),), (4,)

    def forward(self, image: Tensor, *_: Any) -> tuple[Tensor, ...]:
        return (self.bn2(self.conv2(self.bn1(self.conv1(image)).relu())).relu(),)


class GivenPoses:
    """Real poses of the steps, in their order, in the place of drawn ones."""

    sha256, source = "", "the reference"

    def __init__(self, steps: list[Tensor]) -> None:
        self.steps = iter(steps)

    def draw(self, number: int, generator: torch.Generator) -> Tensor:
        poses = next(self.steps)
        assert len(poses) == number
        return poses


@dataclass
class Steps:
    """Two batches, as an epoch."""

    reference: Reference
    batches_per_epoch: int = 2

    def batches(self, epoch: int, start: int) -> Iterator[ViewPairBatch]:
        return (self.reference.batch(step) for step in range(start, 2))


@dataclass
class Recorded:
    """What happened in a step."""

    generator_gradients: dict[str, Tensor] = field(default_factory=dict)
    discriminator_gradients: dict[str, Tensor] = field(default_factory=dict)
    model: dict[str, Tensor] = field(default_factory=dict)
    objective: dict[str, Tensor] = field(default_factory=dict)
    queues: dict[str, Tensor] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)


class Recording(LiftedCLObjective):
    """The objective, with a look between the turns; it changes nothing."""

    steps: list[Recorded]

    def turns(self, model: nn.Module, batch: ViewPairBatch, **arguments: Any) -> Iterator[Any]:
        inner, found = super().turns(model, batch, **arguments), Recorded()
        found.queues = {name: value.clone() for name, value in self.queue_state().items()}
        result = next(inner)
        found.figures |= {name: float(one.value) for name, one in result.metrics.items()}
        found.figures["loss"] = float(result.loss.detach())
        yield result
        found.generator_gradients = {
            name: one.grad.clone()
            for name, one in model.named_parameters()
            if one.grad is not None and not name.startswith("discriminator.")
        }
        result = next(inner)
        found.figures["discriminator_loss"] = float(result.loss.detach())
        yield result
        found.discriminator_gradients = {name: one.grad.clone() for name, one in model.discriminator.named_parameters()}
        found.model = {name: value.clone() for name, value in model.state_dict().items()}
        found.objective = {name: value.clone() for name, value in self.state_dict().items() if name != "prior"}
        self.steps.append(found)


@pytest.fixture(scope="module")
def reference(oracle: Path) -> Reference:
    return Reference(oracle / "liftedcl_step.npz")


@pytest.fixture(scope="module")
def run(
    reference: Reference, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Recorded], list[EmbeddedPairs], TrainingLoop]:
    """Both steps, and what the model gave in each."""
    start, folder = reference.model("start"), tmp_path_factory.mktemp("steps")
    settings = LiftedCLSettings(
        batch_size=reference.option("batch"),
        lr=reference.option("lr_generator"),
        discriminator_lr=reference.option("lr_discriminator"),
        momentum=reference.option("sgd_momentum"),
        weight_decay=reference.option("weight_decay"),
        temperature=reference.option("temperature"),
        key_momentum=reference.option("ema"),
        queue=reference.option("queue"),
        dim=reference.option("dim"),
        bones="released",
        epochs=1,
    )
    LiftedCL().check(settings)
    bones = [(int(row.argmax()), int(row.argmin())) for row in reference["bone_matrix"]]
    discriminator = KinematicDiscriminator(bones, len(start["discriminator.pose.0.bias"]))
    model = LiftedCLModel(
        StandIn(reference.under("start/encoder_query/")),
        dim=settings.dim,
        lifting_width=len(start["lifting.final.weight"][0]),
        discriminator=discriminator,
        key_momentum=settings.key_momentum,
    )
    model.load_state_dict(start)
    outputs: list[EmbeddedPairs] = []
    model.register_forward_hook(lambda *one: outputs.append(one[-1]) if isinstance(one[-1], EmbeddedPairs) else None)
    queues = {}
    for name, published in (("invariant", "invariant"), ("equivariant", "dense")):
        queues[name] = KeyQueue(settings.queue, settings.dim, generator=torch.Generator())
        pointer = reference["start/queue_pointer"]
        queues[name].load_state_dict({"rows": reference[f"start/queue_{published}"].T, "pointer": pointer})
    real: Any = GivenPoses([reference[f"step{step}/real"].flatten(1) for step in (0, 1)])
    objective = Recording(queues, settings.weights, real, temperature=settings.temperature)
    objective.steps = []
    accelerator = make_accelerator(folder)
    loop = TrainingLoop(
        accelerator,
        model,
        objective,
        Steps(reference),
        LiftedCL().stages(settings),
        settings,
        folder,
        kind="pretrain",
        config={},
        trackers=Trackers(accelerator, (), run="", step=0, config={}),
        plans=LiftedCL().optimizers(settings),
    )
    with pytest.MonkeyPatch.context() as patch:
        # The reference's images are normalized already.
        patch.setattr("hcmoco_bench.pretrain.liftedcl.model.normalize_rgb", lambda images: images)
        loop.run(batch_size=settings.batch_size)
    return objective.steps, outputs, loop


@pytest.mark.parametrize("step", [0, 1])
class TestStep:
    def test_embeddings(self, reference: Reference, run: Any, step: int) -> None:
        found: EmbeddedPairs = run[1][step]
        for name, value in {
            "query_pooled": found.pooled,
            "query_map": found.query.map,
            "joints": found.lifted,
            "key_map": found.key.map,
            "key_invariant": found.key.invariant,
            "key_pooled_dense": found.new_equivariant,
        }.items():
            close(value, reference[f"step{step}/{name}"], 1e-5)
        assert found.new_invariant.equal(found.key.invariant)

    def test_logits_with_the_queues_of_before_the_step(self, reference: Reference, run: Any, step: int) -> None:
        found: EmbeddedPairs = run[1][step]
        batch, temperature = reference.batch(step), reference.option("temperature")
        queues = run[0][step].queues
        cells = align_cells(
            found.query.map,
            found.key.map,
            query_boxes=batch.query.boxes,
            key_boxes=batch.key.boxes,
            query_flipped=batch.query.flipped,
            key_flipped=batch.key.flipped,
        )
        pairs = {
            "invariant": (found.query.invariant, found.key.invariant, queues["invariant.rows"]),
            "dense": (cells.query, cells.key, queues["equivariant.rows"]),
        }
        assert not cells.valid.all(), "each step has a pair without a common cell"
        for name, (query, key, queue) in pairs.items():
            logits = queue_logits(query, key, queue, temperature=temperature)
            close(logits, reference[f"step{step}/{name}_logits"], 1e-5)
            close(logits[:, 0] * temperature, reference[f"step{step}/{name}_positive"], 1e-5)

    def test_losses(self, reference: Reference, run: Any, step: int) -> None:
        figures = run[0][step].figures
        for name, published in {
            "invariant": "invariant_loss",
            "equivariant": "dense_loss",
            "adversarial": "adversarial_loss",
            "loss": "generator_loss",
            "discriminator_loss": "discriminator_loss",
        }.items():
            assert figures[name] == pytest.approx(reference[f"step{step}/{published}"].item(), abs=1e-5), name

    def test_gradients(self, reference: Reference, run: Any, step: int) -> None:
        found = run[0][step]
        expected = reference.under(f"step{step}/grad/encoder_query/")
        expected = {_renamed(name, QUERY, "rgb_encoder."): value for name, value in expected.items()}
        of_discriminator = reference.under(f"step{step}/grad/discriminator/")
        for own, published in (
            (found.generator_gradients, expected),
            (found.discriminator_gradients, of_discriminator),
        ):
            assert own.keys() == published.keys()
            largest = max(float(value.abs().max()) for value in published.values())
            for name, value in published.items():
                close(own[name], value, 2e-5 * largest)

    def test_networks_and_queues_after_it(self, reference: Reference, run: Any, step: int) -> None:
        found = run[0][step]
        expected = reference.model(f"after{step}")
        assert found.model.keys() == expected.keys()
        for name, value in expected.items():
            close(found.model[name], value, 1e-6)
        pointer = reference[f"after{step}/queue_pointer"]
        for name, published in (("invariant", "invariant"), ("equivariant", "dense")):
            close(found.objective[f"{name}.rows"], reference[f"after{step}/queue_{published}"].T, 1e-5)
            assert int(found.objective[f"{name}.pointer"]) == int(pointer)


def test_an_unused_lifting_network_of_the_keys_would_follow_as_published(reference: Reference) -> None:
    old = reference.under("start/encoder_key/lifting.")
    for step, before in enumerate(("start", "after0")):
        new = reference.under(f"{before}/encoder_query/lifting.")
        old = {name: value.lerp(new[name], 1 - reference.option("ema")) for name, value in old.items()}
        for name, value in reference.under(f"after{step}/encoder_key/lifting.").items():
            close(old[name], value, 1e-6)


def test_the_queue_that_the_release_refuses_is_refused(reference: Reference) -> None:
    size = int(reference["refused_queue"])
    settings = LiftedCLSettings(batch_size=reference.option("batch"), queue=size)
    with pytest.raises(UsageError, match=f"a queue of {size:,} keys is no multiple of the batch"):
        LiftedCL().check(settings)


class TestSmallParts:
    @pytest.fixture
    def parts(self, oracle: Path) -> Reference:
        return Reference(oracle / "liftedcl.npz")

    def test_poses_and_scores(self, parts: Reference) -> None:
        lifting, discriminator = parts.under("lifting/"), parts.under("discriminator/")
        width, channels = lifting["linear.0.weight"].shape
        network = Lifting(channels, width)
        network.load_state_dict(lifting)
        bones = [(int(row.argmax()), int(row.argmin())) for row in parts["bone_matrix"]]
        judge = KinematicDiscriminator(bones, len(discriminator["pose.0.bias"]))
        judge.load_state_dict(discriminator)
        lifted = network(parts["pooled"])
        close(lifted, parts["lifted"], 1e-5)
        scores, real = judge(lifted), judge(parts["real"])
        close(scores, parts["score_generated"][:, 0], 1e-5)
        close(real, parts["score_real"][:, 0], 1e-5)

    def test_dense_loss(self, parts: Reference) -> None:
        query_crop, key_crop = parts["query_crop"], parts["key_crop"]
        cells = align_cells(
            parts["query_map"],
            parts["key_map"],
            query_boxes=query_crop[:, :4],
            key_boxes=key_crop[:, :4],
            query_flipped=query_crop[:, 4] > 0,
            key_flipped=key_crop[:, 4] > 0,
            side=int(parts["grid"]),
        )
        close(cells.query, parts["query_grid"], 1e-5)
        close(cells.key, parts["key_grid"], 1e-5)
        temperature = float(parts["temperature"])
        losses, _ = queue_losses(cells.query, cells.key, parts["queue"].T.contiguous(), temperature=temperature)
        assert float(losses.mean()) == pytest.approx(float(parts["dense_loss"]), abs=1e-5)


def close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found.detach(), expected.to(found.dtype), rtol=0, atol=tolerance)


def _renamed(name: str, prefixes: dict[str, str], otherwise: str) -> str:
    for published, own in prefixes.items():
        if name.startswith(published):
            return own + name.removeprefix(published)
    return otherwise + name
