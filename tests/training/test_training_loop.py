"""The loop on a problem small enough to follow: a linear model on fixed numbers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hcmoco_bench.errors import TrainingError
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.device import make_accelerator
from hcmoco_bench.training.loop import TrainingLoop
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.objective import StepMetric, StepResult
from hcmoco_bench.training.optimizers import OptimizerPlan
from hcmoco_bench.training.settings import OptimizationSettings, Stage
from hcmoco_bench.training.trackers import Trackers

SAMPLES = torch.randn(24, 3, generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Rows:
    sample_ids: tuple[str, ...]
    values: Tensor

    def to(self, device: torch.device) -> Rows:
        return replace(self, values=self.values.to(device))


@dataclass
class Numbers:
    """Batches of the samples in an order of each epoch's own; may send a signal on the way."""

    batch_size: int
    signal_at: tuple[int, int] | None = None

    @property
    def batches_per_epoch(self) -> int:
        return len(SAMPLES) // self.batch_size

    def batches(self, epoch: int, start: int) -> Iterator[Rows]:
        order = torch.randperm(len(SAMPLES), generator=torch.Generator().manual_seed(epoch)).split(self.batch_size)
        for number, rows in enumerate(order[start:], start=start):
            if (epoch, number) == self.signal_at:
                os.kill(os.getpid(), signal.SIGTERM)
            yield Rows(tuple(f"row{row}" for row in rows.tolist()), SAMPLES[rows])


class SquaredError:
    """To the sum of the inputs; `noise` draws from the loop's generator, `seen` is state."""

    columns = ("error",)

    def __init__(self, *, noise: float = 0.0, poison: float | None = None, counts: bool = True) -> None:
        self.noise, self.poison, self.seen, self.counts = noise, poison, torch.zeros(()), counts

    def __call__(self, model: nn.Module, batch: Rows, *, stage: int, generator: torch.Generator) -> StepResult:
        target = batch.values.sum(1) + self.noise * torch.rand(len(batch.values), generator=generator)
        error = (model(batch.values)[:, 0] - target).square().mean() + 0.001 * self.seen
        if self.poison is not None and self.seen == 3:
            error = error * self.poison
        self.seen = self.seen + 1
        weight = torch.tensor(len(batch.values) if self.counts else 0)
        return StepResult(error, {"error": StepMetric(error.detach(), weight)})

    def state_dict(self) -> dict[str, Tensor]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.seen = state["seen"]


def make(
    folder: Path, data: Numbers, objective: SquaredError | None = None, epochs: int = 2, **options: object
) -> TrainingLoop:
    folder.mkdir(exist_ok=True)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    plans = options.pop("plans", None)
    if options.pop("no_dropout", False):
        model[1] = nn.Identity()
    accelerator = make_accelerator(folder)
    return TrainingLoop(
        accelerator,
        model,
        objective or SquaredError(noise=0.1),
        data,
        [Stage("first", epochs), Stage("second", epochs)],
        OptimizationSettings(**({"lr": 0.01} | options)),
        folder,
        kind="task",
        config={},
        trackers=Trackers(accelerator, (), run="", step=0, config={}),
        plans=plans,
    )


def losses(folder: Path) -> list[float]:
    return [float(value) for value in read_losses(folder / "losses.csv")["loss"]]


def test_the_loss_goes_down_and_both_stages_are_in_the_table(tmp_path: Path) -> None:
    loop = make(tmp_path, Numbers(4), epochs=10, no_dropout=True)
    told: list[tuple[int, int | None]] = []
    loop.run(batch_size=4, progress=lambda label, done, total: told.append((done, total)))
    table = read_losses(tmp_path / "losses.csv")
    assert len(table["step"]) == loop.total_steps == 120
    assert sum(losses(tmp_path)[-10:]) < 0.5 * sum(losses(tmp_path)[:10])
    assert set(table["stage"]) == {"first", "second"}
    assert table["lr"][0] == table["lr"][60] == "0.01"
    assert told[0] == (0, 480)
    assert told[-1] == (480, 480)


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    make(tmp_path / "whole", Numbers(8), SquaredError(), no_dropout=True).run(batch_size=8)
    small = SquaredError()
    make(tmp_path / "parts", Numbers(4), small, no_dropout=True, accumulate=2).run(batch_size=8)
    whole, parts = (read_losses(tmp_path / name / "losses.csv")["grad_norm"] for name in ("whole", "parts"))
    assert [float(value) for value in parts] == pytest.approx([float(value) for value in whole], rel=1e-4)


def test_clipping_bounds_the_step_not_the_reported_norm(tmp_path: Path) -> None:
    loop = make(tmp_path, Numbers(24), no_dropout=True, clip=1e-3, lr=1.0, momentum=0.0, weight_decay=0.0, epochs=1)
    before = [parameter.detach().clone() for parameter in loop.model.parameters()]
    loop.run(batch_size=24)
    moved = sum(float((a.detach() - b).square().sum()) for a, b in zip(loop.model.parameters(), before, strict=True))
    assert moved**0.5 <= 2.1e-3
    assert float(read_losses(tmp_path / "losses.csv")["grad_norm"][0]) > 0.01


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_the_samples(tmp_path: Path, poison: float) -> None:
    loop = make(tmp_path, Numbers(4), SquaredError(poison=poison))
    with pytest.raises(TrainingError, match=r"step 4: loss.*not finite") as caught:
        loop.run(batch_size=4)
    ids = next(iter(list(Numbers(4).batches(0, 3)))).sample_ids
    assert all(sample_id in str(caught.value) for sample_id in ids)
    assert len(losses(tmp_path)) == 3


@pytest.mark.parametrize("place", [(0, 0), (1, 3), (1, 5), (3, 2)])
def test_a_signal_stops_after_the_step_and_the_run_continues_exactly(tmp_path: Path, place: tuple[int, int]) -> None:
    torch.manual_seed(5)  # of the dropout
    make(tmp_path / "whole", Numbers(4)).run(batch_size=4)
    torch.manual_seed(5)
    stopped = make(tmp_path / "cut", Numbers(4, signal_at=place))
    stopped.run(batch_size=4)
    assert stopped.interrupted
    assert stopped.position.step == place[0] * 6 + place[1] + 1
    torch.rand(5)  # what others draw in between does not matter
    resumed = make(tmp_path / "cut", Numbers(4))
    resumed.load_state(load_checkpoint(tmp_path / "cut" / "checkpoint.pth"))
    resumed.run(batch_size=4)
    assert (tmp_path / "cut" / "losses.csv").read_bytes() == (tmp_path / "whole" / "losses.csv").read_bytes()


def test_a_checkpoint_of_a_longer_run_is_refused(tmp_path: Path) -> None:
    make(tmp_path, Numbers(4)).run(batch_size=4)
    other = make(tmp_path, Numbers(4), epochs=3)
    with pytest.raises(TrainingError, match="run of 24 steps, this one would have 36"):
        other.load_state(load_checkpoint(tmp_path / "checkpoint.pth"))


def test_groups_keep_their_own_rates_and_adam_continues_exactly(tmp_path: Path) -> None:
    def make_adam(folder: Path, data: Numbers) -> TrainingLoop:
        settings = OptimizationSettings(lr=0.01, optimizer="adam", schedule="step", step_epochs=1, step_factor=0.5)
        return make(folder, data, plans=[OptimizerPlan("model", settings, groups)])

    def groups(model: nn.Module) -> list[dict[str, object]]:
        return [{"params": list(model[0].parameters())}, {"params": list(model[2].parameters()), "lr": 0.1}]

    torch.manual_seed(5)
    whole = make_adam(tmp_path / "whole", Numbers(4))
    whole.run(batch_size=4)
    assert [group["lr"] for group in whole.optimizers[0].optimizer.param_groups] == pytest.approx([0.01 / 4, 0.1 / 4])
    torch.manual_seed(5)
    make_adam(tmp_path / "cut", Numbers(4, signal_at=(1, 3))).run(batch_size=4)
    resumed = make_adam(tmp_path / "cut", Numbers(4))
    resumed.load_state(load_checkpoint(tmp_path / "cut" / "checkpoint.pth"))
    resumed.run(batch_size=4)
    assert (tmp_path / "cut" / "losses.csv").read_bytes() == (tmp_path / "whole" / "losses.csv").read_bytes()


@pytest.mark.parametrize("place", [(0, 5), (1, 2), (2, 5)])
def test_no_epochs_end_is_missed_by_a_run_that_continues(tmp_path: Path, place: tuple[int, int]) -> None:
    ended: list[int] = []

    def at_end(loop: TrainingLoop) -> Callable[[int], None]:
        def note(epoch: int) -> None:
            loop.model.eval()
            ended.append(epoch)

        return note

    torch.manual_seed(5)
    whole = make(tmp_path / "whole", Numbers(4))
    whole.run(batch_size=4, at_epoch_end=at_end(whole))
    assert ended == [1, 2, 3, 4]
    ended.clear()
    torch.manual_seed(5)
    cut = make(tmp_path / "cut", Numbers(4, signal_at=place))
    cut.run(batch_size=4, at_epoch_end=at_end(cut))
    resumed = make(tmp_path / "cut", Numbers(4))
    resumed.load_state(load_checkpoint(tmp_path / "cut" / "checkpoint.pth"))
    resumed.run(batch_size=4, at_epoch_end=at_end(resumed))
    assert ended == [1, 2, 3, 4]
    assert (tmp_path / "cut" / "losses.csv").read_bytes() == (tmp_path / "whole" / "losses.csv").read_bytes()


class AlternatingError(SquaredError):
    """A linear layer goes down by the first optimizer and up by the second, which sees what the first has changed."""

    columns = ("error", "opposite")

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[float, float]] = []
        self.ended = 0

    def turns(self, model, batch, *, stage, generator):
        before = float(model[0].weight.detach().sum())
        yield self(model, batch, stage=stage, generator=generator)
        self.changes.append((before, float(model[0].weight.detach().sum())))
        opposite = model(batch.values.detach()).mean()
        yield StepResult(opposite, {"opposite": StepMetric(opposite.detach(), torch.tensor(1.0))})
        self.ended += 1


def test_two_optimizers_take_turns_and_continue_exactly(tmp_path: Path) -> None:
    def plans() -> list[OptimizerPlan]:
        sgd = OptimizationSettings(lr=0.01, schedule="constant")
        adam = OptimizationSettings(lr=0.02, optimizer="adam", schedule="constant", clip=1e-6)
        return [
            OptimizerPlan("first", sgd, lambda model: [{"params": list(model[0].parameters())}]),
            OptimizerPlan("last", adam, lambda model: [{"params": list(model[2].parameters())}], every=2),
        ]

    def make_two(folder: Path, data: Numbers, objective: AlternatingError | None = None) -> TrainingLoop:
        return make(folder, data, plans=plans(), objective=objective or AlternatingError())

    torch.manual_seed(5)
    objective = AlternatingError()
    make_two(tmp_path / "whole", Numbers(4), objective).run(batch_size=4)
    assert objective.ended == len(objective.changes) == 24
    assert all(before != after for before, after in objective.changes)  # the first has stepped when the second begins
    table = read_losses(tmp_path / "whole" / "losses.csv")
    assert set(table["lr"]) == {"0.01"}
    assert set(table["lr/last"]) == {"0.02"}
    assert table["loss"] == table["error"]
    assert table["loss/last"] == table["opposite"]
    assert [float(norm) > 0 for norm in table["grad_norm/last"]] == [True, False] * 12
    torch.manual_seed(5)
    make_two(tmp_path / "cut", Numbers(4, signal_at=(1, 3))).run(batch_size=4)
    resumed = make_two(tmp_path / "cut", Numbers(4))
    resumed.load_state(load_checkpoint(tmp_path / "cut" / "checkpoint.pth"))
    resumed.run(batch_size=4)
    assert (tmp_path / "cut" / "losses.csv").read_bytes() == (tmp_path / "whole" / "losses.csv").read_bytes()


def test_more_turns_than_optimizers_are_an_error(tmp_path: Path) -> None:
    class EndlessError(AlternatingError):
        def turns(self, model, batch, *, stage, generator):
            while True:
                yield self(model, batch, stage=stage, generator=generator)

    settings = OptimizationSettings(lr=0.01)
    loop = make(
        tmp_path,
        Numbers(4),
        plans=[OptimizerPlan("a", settings), OptimizerPlan("b", settings)],
        objective=EndlessError(),
    )
    with pytest.raises(ValueError, match=r"more turns than the run has optimizers \(2\)"):
        loop.run(batch_size=4)


def test_an_epoch_in_which_no_sample_counted_is_no_success(tmp_path: Path) -> None:
    loop = make(tmp_path / "run", Numbers(6), SquaredError(counts=False))
    with pytest.raises(TrainingError, match=r"stage first, epoch 1: in all 4 steps no sample counted for error"):
        loop.run(batch_size=6)
