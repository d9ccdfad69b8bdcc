"""The setting `encoder_rate`: the rates of the groups, a frozen encoder, and every task's encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task, task_names
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.training.optimizers import PlannedOptimizer

TASK = get_task("depth_parsing")
TINY = {"backbone": "test_resnet", "init": "scratch", "stores": ("nowhere",)}


def settings(rate: float, **given: Any) -> FinetuneSettings:
    return make_finetune_settings("depth_parsing", TINY | {"encoder_rate": rate, "warmup_epochs": 0.0} | given)


def planned(config: FinetuneSettings, model: nn.Module) -> PlannedOptimizer:
    plans = TASK.optimizers(config)
    assert plans is not None
    (plan,) = plans
    return PlannedOptimizer(plan, model, model, epochs=1, steps_per_epoch=4)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_encoder_has_a_rate_of_its_own_and_all_else_alike(optimizer: str) -> None:
    config = settings(0.1, lr=0.02, weight_decay=0.3, optimizer=optimizer)
    model = TASK.build_model(config)
    found = planned(config, model)
    rest, encoder = found.optimizer.param_groups
    (own,) = TASK.encoders(model)
    assert {id(one) for one in encoder["params"]} == {id(one) for one in own.parameters()}
    others = {id(one) for one in model.parameters()} - {id(one) for one in own.parameters()}
    assert {id(one) for one in rest["params"]} == others
    assert (encoder["lr"], rest["lr"], found.lr) == pytest.approx((0.002, 0.02, 0.02))
    assert encoder["weight_decay"] == rest["weight_decay"] == 0.3
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    found.step(0)
    assert encoder["lr"] == pytest.approx(0.1 * rest["lr"])  # the schedule multiplies both


def test_the_rate_1_is_the_optimizer_of_before() -> None:
    assert TASK.optimizers(settings(1)) is None


def test_parameters_that_are_frozen_already_stay_so() -> None:
    config = settings(0.5)
    model = TASK.build_model(config)
    (encoder,) = TASK.encoders(model)
    frozen = next(encoder.parameters()).requires_grad_(False)
    assert all(frozen is not one for group in planned(config, model).optimizer.param_groups for one in group["params"])


def test_a_rate_of_0_keeps_every_weight_of_the_encoder_through_a_run(small: dict[str, Any], tmp_path: Path) -> None:
    """To the bit, with weight decay; the statistics of batch norms follow the data, as documented."""
    runs = {}
    for epochs in (1, 2):
        given = small | {"encoder_rate": 0, "epochs": epochs, "weight_decay": 0.1, "lr": 0.01}
        config = make_finetune_settings("depth_parsing", given)
        run_finetune(config, tmp_path / str(epochs), bootstrap=0, sheet_size=0)
        runs[epochs] = load_task_checkpoint(tmp_path / str(epochs) / "seed-0" / "model.pth", "depth_parsing").model
    weights = {name for name, _ in TASK.build_model(config).named_parameters()}
    kept = {name: torch.equal(value, runs[2][name]) for name, value in runs[1].items()}
    encoder = {name: same for name, same in kept.items() if name.startswith("encoder.")}
    assert encoder.keys() & weights
    assert all(same for name, same in encoder.items() if name in weights)
    assert not all(encoder.values())
    assert not any(same for name, same in kept.items() if name in weights and name not in encoder)


@pytest.mark.parametrize("name", task_names())
def test_every_task_knows_its_encoders(name: str) -> None:
    task = get_task(name)
    config = make_finetune_settings(name, {**TINY, "image_size": 64, "encoder_rate": 0.5})
    model = task.build_model(config)
    found = task.encoders(model)
    assert found
    (plan,) = task.optimizers(config) or ()
    assert plan.groups is not None
    rest, encoders = plan.groups(model)
    assert len(encoders["params"]) == sum(len(list(one.parameters())) for one in found)
    assert rest["params"]


def test_a_model_without_an_encoder_is_told() -> None:
    with pytest.raises(UsageError, match="encoder_rate goes with models that have an encoder"):
        TASK.encoders(nn.Linear(1, 1))
