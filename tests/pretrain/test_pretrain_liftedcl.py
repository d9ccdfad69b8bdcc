"""Runs of LiftedCL on small pictures: what they leave, resumed, with terms switched off, collapsed, refused."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from forked import fork_server
from liftedcl_runs import small_settings, write_pictures, write_small_prior
from torch import nn
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.data.view_pairs import ViewPairBatch
from hcmoco_bench.data.views import ViewBatch
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.losses.liftedcl.key_queue import KeyQueue
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.pretrain.checkpoints import load_pretrained
from hcmoco_bench.pretrain.liftedcl.first_weights import read_first_weights
from hcmoco_bench.pretrain.liftedcl.lifted_poses import bone_shares, lift_views
from hcmoco_bench.pretrain.liftedcl.model import LiftedCLModel
from hcmoco_bench.pretrain.liftedcl.objective import LiftedCLObjective
from hcmoco_bench.pretrain.liftedcl.settings import LiftedCLSettings, LiftedWeights
from hcmoco_bench.pretrain.liftedcl.watch import notices_of
from hcmoco_bench.pretrain.methods.liftedcl import LiftedCL
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.priors.checks import bone_lengths
from hcmoco_bench.priors.open_prior import open_prior
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.optimizers import PlannedOptimizer
from hcmoco_bench.training.schedule import make_schedule

TERMS = {
    "invariant": {"equivariant": 0.0, "adversarial": 0.0},
    "equivariant": {"adversarial": 0.0},
    "lifting alone": {"invariant": 0.0, "equivariant": 0.0},
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("liftedcl")
    pictures = write_pictures(folder / "pictures", 24)
    return small_settings(pictures, write_small_prior(folder / "prior.safetensors"))


@pytest.fixture(scope="module")
def finished(given: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of six steps, with a checkpoint after four."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    torch.set_num_threads(1)
    run_pretrain(make_pretrain_settings(None, given | {"checkpoint_every": 4}), folder)
    return folder


def numbers(folder: Path, name: str) -> list[float]:
    return [float(value) for value in read_losses(folder / "losses.csv")[name]]


class TestRun:
    def test_leaves_a_table_checkpoints_and_a_figure_of_lifted_poses(self, finished: Path) -> None:
        assert {"checkpoint.pth", "losses.csv", "curves.png", "lifted.png"} <= {one.name for one in finished.iterdir()}
        table = read_losses(finished / "losses.csv")
        assert len(table["step"]) == 6
        # once an epoch, from the full rate; the discriminator's stays
        assert numbers(finished, "lr") == pytest.approx([0.03] * 3 + [0.015] * 3)
        assert set(table["lr/discriminator"]) == {"0.03"}
        terms = [numbers(finished, name) for name in ("invariant", "equivariant", "adversarial")]
        assert numbers(finished, "loss") == pytest.approx([sum(one) / 2 for one in zip(*terms, strict=True)], rel=1e-5)
        assert all(0 <= value <= 1 for name in table if name.startswith("spread/") for value in numbers(finished, name))

    def test_the_rate_falls_to_exactly_0(self, given: dict[str, Any]) -> None:
        settings = make_pretrain_settings(None, given)
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=settings.lr)
        schedule = make_schedule(optimizer, settings, epochs=4, steps_per_epoch=2)
        rates = []
        for _ in range(8):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        expected = [0.03 * (1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4) for _ in range(2)]
        assert rates == pytest.approx(expected)
        assert schedule.get_last_lr()[0] == 0

    def test_no_optimizer_knows_the_key_branch(self, finished: Path) -> None:
        state = load_checkpoint(finished / "checkpoint.pth")
        model = load_pretrained(finished / "checkpoint.pth").model
        trained = {name for name, one in model.named_parameters() if one.requires_grad}
        assert {name.split(".")[0] for name in state["model"]} >= {"key", "rgb_encoder", "discriminator", "lifting"}
        assert not any(name.startswith("key.") for name in trained)
        counts = {name: len(one["state"]) for name, one in state["optimizer"].items()}
        of_discriminator = sum(name.startswith("discriminator.") for name in trained)
        assert counts == {"generator": len(trained) - of_discriminator, "discriminator": of_discriminator}
        moved = [
            float((model.state_dict()[f"key.encoder.{name}"] - value).abs().max())
            for name, value in model.rgb_encoder.state_dict().items()
            if name.endswith("weight")
        ]
        assert max(moved) > 0

    def test_continues_from_the_checkpoint_before_with_the_same_bits(
        self, given: dict[str, Any], finished: Path, tmp_path: Path
    ) -> None:
        cut = tmp_path / "cut"
        shutil.copytree(finished, cut)
        lines, end = (cut / "losses.csv").read_bytes(), load_checkpoint(cut / "checkpoint.pth")
        assert load_checkpoint(cut / "checkpoint.previous.pth")["step"] < 6
        (cut / "checkpoint.pth").write_bytes(b"damaged")
        run_pretrain(make_pretrain_settings(None, given | {"checkpoint_every": 4}), cut, resume=True)
        assert (cut / "losses.csv").read_bytes() == lines
        again = load_checkpoint(cut / "checkpoint.pth")
        for part in ("model", "bank", "optimizer", "scheduler"):
            assert same(again[part], end[part]), part

    def test_other_real_poses_are_refused(self, given: dict[str, Any], finished: Path, tmp_path: Path) -> None:
        shutil.copytree(finished, tmp_path / "cut")
        (tmp_path / "cut" / "checkpoint.pth").write_bytes(b"damaged")
        prior = Path(given["prior"])
        kept = prior.read_bytes()
        try:
            write_small_prior(prior, 41)
            with pytest.raises(UsageError, match=r"real poses .* are not those that the run began with"):
                run_pretrain(
                    make_pretrain_settings(None, given | {"checkpoint_every": 4}), tmp_path / "cut", resume=True
                )
        finally:
            prior.write_bytes(kept)

    def test_its_encoder_is_found_by_fine_tuning_and_export(self, finished: Path, tmp_path: Path) -> None:
        checkpoint = finished / "checkpoint.pth"
        encoder = create_encoder("test_resnet", weights=checkpoint, modality="rgb")
        own = load_pretrained(checkpoint).model.rgb_encoder
        assert same(dict(encoder.state_dict()), dict(own.state_dict()))
        command = ["export", "--ckpt", str(checkpoint), "--modality", "rgb", "--to", "timm", "-q"]
        assert CliRunner().invoke(app, [*command, "--out", str(tmp_path / "rgb.pth")]).exit_code == 0
        assert same(dict(create_encoder("test_resnet", weights=tmp_path / "rgb.pth").state_dict()), own.state_dict())


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def run_alone(settings: Any, folder: Path, resume: bool) -> None:
    torch.set_num_threads(1)
    run_pretrain(settings, folder, resume=resume)


@pytest.mark.slow
def test_a_killed_run_continues_with_the_same_bits(given: dict[str, Any], tmp_path: Path) -> None:
    settings = make_pretrain_settings(None, given | {"epochs": 4, "checkpoint_every": 2, "workers": 1})

    def start(folder: Path, *, resume: bool) -> Any:
        process = fork_server().Process(target=run_alone, args=(settings, folder, resume))
        process.start()
        return process

    cut, kills = tmp_path / "cut", 0
    for lines in (3, 7):
        process = start(cut, resume=kills > 0)
        table = cut / "losses.csv"
        while process.is_alive() and not (table.is_file() and table.read_bytes().count(b"\n") > lines):
            time.sleep(0.005)
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
    assert kills == 2
    for folder in (tmp_path / "whole", cut):
        process = start(folder, resume=folder == cut)
        process.join()
        assert process.exitcode == 0
    assert (cut / "losses.csv").read_bytes() == (tmp_path / "whole" / "losses.csv").read_bytes()
    ends = [load_checkpoint(folder / "checkpoint.pth") for folder in (cut, tmp_path / "whole")]
    for part in ("model", "bank", "optimizer", "scheduler"):
        assert same(ends[0][part], ends[1][part]), part


@pytest.mark.parametrize("name", TERMS)
def test_a_term_that_is_off_has_no_networks_and_no_columns(given: dict[str, Any], tmp_path: Path, name: str) -> None:
    weights = TERMS[name]
    prior = given["prior"] if weights.get("adversarial", 0.5) else str(tmp_path / "no prior is read")
    settings = make_pretrain_settings(None, given | {"weights": weights, "epochs": 1, "prior": prior})
    report = run_pretrain(settings, tmp_path / "run")
    parts = {one.split(".")[0] for one in load_checkpoint(report.checkpoint)["model"]}
    invariant, equivariant = (weights.get(term, 0.5) > 0 for term in ("invariant", "equivariant"))
    adversarial = weights.get("adversarial", 0.5) > 0
    for part, there in {
        "invariant_head": invariant,
        "equivariant_head": equivariant,
        "lifting": adversarial,
        "discriminator": adversarial,
        "key": invariant or equivariant,
    }.items():
        assert (part in parts) == there, part
    table = read_losses(report.losses)
    for term, there in (("invariant", invariant), ("equivariant", equivariant), ("adversarial", adversarial)):
        assert (term in table) == there
    assert ("lr/discriminator" in table) == adversarial == (report.folder / "lifted.png").is_file()


class WithoutStatistics(Encoder):
    """An encoder whose maps of an image do not depend on the batch."""

    channels, strides = (8,), (8,)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 8, stride=8)

    def forward(self, image: torch.Tensor, *_: Any) -> tuple[torch.Tensor, ...]:
        return (self.conv(image).relu(),)


def make_batch(rows: slice, size: int = 8) -> ViewPairBatch:
    generator = torch.Generator().manual_seed(0)

    def views() -> ViewBatch:
        images = torch.randint(0, 256, (size, 3, 32, 32), generator=generator, dtype=torch.uint8)
        boxes = torch.tensor([[0.0, 0.0, 50.0, 40.0]]) + 8 * torch.rand(size, 4, generator=generator)
        return ViewBatch(images[rows], boxes[rows], (torch.rand(size, generator=generator) > 0.5)[rows])

    query, key = views(), views()
    return ViewPairBatch(tuple(map(str, range(size)))[rows], query, key)


def test_accumulated_batches_are_one_large_batch() -> None:
    found = []
    for parts in ([slice(0, 8)], [slice(0, 4), slice(4, 8)]):
        torch.manual_seed(0)
        model = LiftedCLModel(WithoutStatistics(), terms={"invariant", "equivariant"}, dim=6, key_momentum=0.9)
        with torch.no_grad():
            model.rgb_encoder.conv.weight.mul_(1.5)
        queues = {
            name: KeyQueue(16, 6, generator=torch.Generator().manual_seed(2)) for name in ("invariant", "equivariant")
        }
        objective = LiftedCLObjective(queues, LiftedWeights(adversarial=0.0), None, grid=4, accumulate=len(parts))
        for rows in parts:
            result = objective(model, make_batch(rows), stage=0, generator=torch.Generator())
            (result.loss / len(parts)).backward()
        gradients = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
        found.append((gradients, dict(model.key.state_dict()), objective.queue_state()))
    whole, parts = found
    assert not any(name.startswith("key.") for name in whole[0])
    for one, other in zip(whole, parts, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=1e-5, atol=1e-6)
    assert int(parts[2]["invariant.pointer"]) == 8


class TestNotices:
    def test_a_collapse_and_a_discriminator_that_runs_away_are_said_in_words(
        self, given: dict[str, Any], tmp_path: Path
    ) -> None:
        # Images that are alike give the same embeddings, and a lifting that stands still is found out.
        views = {"scale": [1.0, 1.0], "ratio": [0.01, 100.0], "jitter_probability": 0.0, "gray_probability": 0.0}
        views |= {"blur_probability": 0.0, "flip_probability": 0.0}
        others = {"pictures": [str(write_pictures(tmp_path / "alike", 8, alike=True))], "image_size": 32, "lr": 1e-6}
        others |= {
            "views": views,
            "backbone": "test_convnext",  # batch norm would tell apart what is nearly the same
            "epochs": 45,
            "discriminator_lr": 0.1,
            "discriminator_width": 64,
            "weights": {"equivariant": 0.0},
        }
        said: list[str] = []
        settings = make_pretrain_settings(None, given | others)
        report = run_pretrain(settings, tmp_path / "run", noticed=said.append)
        assert [one for one in said if one.startswith("collapse: the embeddings of different images are nearly")]
        assert [one for one in said if "the discriminator runs away: it scores real poses" in one]
        assert len(said) == len(set(said)), "each is said once while it lasts"
        assert set(said) & set(report.notes), "what lasts to the end is in the report"

    def test_a_sound_run_says_nothing(self) -> None:
        sound = {"spread/invariant": 0.5, "spread/equivariant": 0.3, "spread/lifted": 0.2}
        assert notices_of(rows(40, sound), steps_to_fill=1) == ()

    def test_a_loss_that_grows_is_said(self) -> None:
        table = rows(40, {"discriminator/lifted": -2.0, "discriminator/real": -1.5, "adversarial": 9.0})
        assert notices_of(table, steps_to_fill=1) == ()
        table["adversarial"] = [str(2 + 0.1 * step) for step in range(40)]
        (notice,) = notices_of(table, steps_to_fill=1)
        assert notice.kind == "discriminator/diverges"
        assert "the adversarial loss grows (2.95, then 4.95)" in notice.sentence

    def test_nothing_is_said_of_the_first_steps(self) -> None:
        assert notices_of(rows(10, {"spread/lifted": 0.0}), steps_to_fill=1) == ()
        assert notices_of({"step": [], "epoch": []}, steps_to_fill=1) == ()

    def test_random_keys_do_not_hold_embeddings_apart(self) -> None:
        table = rows(40, {"spread/invariant": 0.01})
        assert notices_of(table, steps_to_fill=20) == ()
        assert [notice.kind for notice in notices_of(table, steps_to_fill=19)] == ["collapse/invariant"]


def rows(number: int, values: dict[str, float]) -> dict[str, list[str]]:
    steps = {"step": [str(step) for step in range(1, number + 1)], "epoch": ["1"] * number}
    return steps | {name: [str(value)] * number for name, value in values.items()}


class TestFirstWeights:
    def test_a_run_begins_with_all_of_another(self, given: dict[str, Any], finished: Path) -> None:
        checkpoint = str(finished / "checkpoint.pth")
        settings = make_pretrain_settings(None, given | {"init": checkpoint})
        model, report, objective = begin(settings)
        state = load_checkpoint(Path(checkpoint))
        assert same(dict(model.state_dict()), state["model"])
        assert report.taken[0] == "query encoder"
        assert {"invariant head", "key encoder with its heads", "discriminator", "queues"} <= set(report.taken)
        bank = {name: value for name, value in state["bank"].items() if name != "prior"}
        assert same(objective.queue_state(), bank)

    def test_what_does_not_fit_is_named(self, given: dict[str, Any], finished: Path) -> None:
        others = {"init": str(finished / "checkpoint.pth"), "queue": 64, "lifting_width": 8}
        others |= {"weights": {"equivariant": 0.0}}
        _, report, _ = begin(make_pretrain_settings(None, given | others))
        left = "; ".join(report.left)
        assert "lifting network: of another size, it keeps its first weights" in left
        assert "equivariant head: not used here" in left
        assert "queues: of another size, they begin with random keys" in left
        assert "invariant head" in report.taken

    def test_the_release_gives_encoder_and_heads(self, given: dict[str, Any], finished: Path, tmp_path: Path) -> None:
        own = load_pretrained(finished / "checkpoint.pth").model
        release = release_state(own)
        path = tmp_path / "checkpoint.pth.tar"
        torch.save({"epoch": 7, "arch": "resnet50", "state_dict": release, "optimizer": {"state": {}}}, path)
        model, report, _ = begin(make_pretrain_settings(None, given | {"init": str(path)}))
        for part in ("rgb_encoder", "invariant_head", "equivariant_head", "lifting"):
            assert same(dict(getattr(model, part).state_dict()), dict(getattr(own, part).state_dict())), part
        assert same(dict(model.key.encoder.state_dict()), dict(model.rgb_encoder.state_dict()))
        assert report.source == "checkpoint.pth.tar, a file of LiftedCL, MoCo"
        assert report.taken == ("query encoder", "invariant head", "equivariant head", "lifting network")
        assert any("key encoder with its heads: not in the file, it begins as a copy" in one for one in report.left)
        assert "encoder_k" in report.left

    def test_a_file_that_is_not_there(self, given: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no such file"):
            read_first_weights(str(tmp_path / "none.pth"))


def begin(settings: Any) -> tuple[LiftedCLModel, Any, LiftedCLObjective]:
    method = LiftedCL()
    model = method.build_model(settings)
    objective = method.build_objective(settings, model, 24, torch.device("cpu"))
    return model, method.continue_from(settings, model, objective), objective


def release_state(model: LiftedCLModel) -> dict[str, torch.Tensor]:
    """A model under the names of the release's files."""
    parts = {
        "": model.rgb_encoder.backbone,
        "mlp_invariant.": model.invariant_head,
        "conv_variant.": model.equivariant_head,
        "lifting.": model.lifting,
    }
    found = {
        f"module.{branch}.{prefix}{name}": value.clone()
        for branch in ("encoder_q", "encoder_k")
        for prefix, part in parts.items()
        for name, value in part.state_dict().items()
    }
    return found | {"module.queue": torch.zeros(16, 32), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}


def test_poses_of_images_and_shares_of_their_bones(given: dict[str, Any], finished: Path) -> None:
    model = load_pretrained(finished / "checkpoint.pth").model
    data = LiftedCL().open_data(make_pretrain_settings(None, given))
    lifted = lift_views(model, data, 5)
    assert lifted.poses.shape == (5, 17, 3)
    assert lifted.images.shape == (5, 3, 64, 64)
    again = model.lift(lifted.images[:2]).detach().view(2, 17, 3).numpy()
    np.testing.assert_allclose(again, lifted.poses[:2], atol=1e-5)
    prior = open_prior(given["prior"])
    shares = bone_shares(prior.joints)
    lengths = bone_lengths(prior.joints)
    assert shares.mean.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares.mean, (lengths / lengths.sum(1, keepdims=True)).mean(0))
    assert lift_views(model, data, 1000).poses.shape[0] == 24


@pytest.mark.parametrize("backbone", ["hrnet_w18_small", "test_convnext", "test_vit", "test_efficientnet"])
def test_any_backbone_with_maps(given: dict[str, Any], backbone: str) -> None:
    settings = make_pretrain_settings(None, given | {"backbone": backbone})
    model = LiftedCL().build_model(settings)
    batch = make_batch(slice(0, 2))
    images = torch.nn.functional.interpolate(batch.query.images, 64)
    views = ViewBatch(images, batch.query.boxes, batch.query.flipped)
    found = model(ViewPairBatch(batch.sample_ids, views, views))
    side = -(-64 // model.rgb_encoder.strides[-1])
    assert found.query.map.shape == (2, 16, side, side)
    assert found.pooled.shape == (2, model.rgb_encoder.channels[-1])
    assert LiftedCL().backbones(settings) == {"rgb": backbone}


class TestRefused:
    @pytest.mark.parametrize(
        ("others", "message"),
        [
            ({"backbone": "pointnet"}, "takes points, and liftedcl has images"),
            ({"backbone": "resnet5"}, "did you mean"),
            ({"queue": 36}, r"queue of 36 keys is no multiple of the batch of 8.*32 or 40"),
            ({"weights": {"invariant": 0, "equivariant": 0, "adversarial": 0}}, "nothing to learn"),
            ({"views": {"scale": [0.5, 0.2]}}, "views.*scale must be a smallest and a largest"),
            ({"views": {"scale": [0.5]}}, "views.scale"),
            ({"warmup_epochs": 2.0}, "warmup_epochs is 2.0"),
            ({"negatives": 3}, "does not use the setting negatives"),
            ({"image_size": 32}, "a map of 1x1 cells"),
        ],
    )
    def test_settings(self, given: dict[str, Any], others: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            make_pretrain_settings(None, given | others)

    def test_no_data(self, given: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no prepared store.*--pictures .* or --store with any store"):
            LiftedCL().default_data(tmp_path)
        assert LiftedCL().has_data(make_pretrain_settings(None, given))
        assert not LiftedCL().has_data(LiftedCLSettings())

    def test_a_broken_prior_is_refused_before_the_first_step(self, given: dict[str, Any], tmp_path: Path) -> None:
        prior = tmp_path / "prior.safetensors"
        prior.write_bytes(Path(given["prior"]).read_bytes()[:-20])
        with pytest.raises(DataError, match=r"prior\.safetensors"):
            run_pretrain(make_pretrain_settings(None, given | {"prior": str(prior)}), tmp_path / "run")
        assert not (tmp_path / "run" / "losses.csv").exists()


@pytest.mark.parametrize("rung", ["invariant", "equivariant", "full"])
def test_the_ablations_recipes_add_one_term_each(rung: str) -> None:
    settings: Any = make_pretrain_settings(f"liftedcl-{rung}")
    expected = {"invariant": 1, "equivariant": 2, "full": 3}[rung]
    assert len(settings.weights.terms) == expected
    plain = make_pretrain_settings(None, {"method": "liftedcl"}).to_dict()
    assert {name: value for name, value in settings.to_dict().items() if name != "weights"} == {
        name: value for name, value in plain.items() if name != "weights"
    }


def test_the_defaults_are_what_the_release_runs() -> None:
    settings: Any = make_pretrain_settings(None, {"method": "liftedcl"})
    assert (settings.queue, settings.temperature, settings.key_momentum, settings.dim) == (65_536, 0.2, 0.999, 128)
    assert (settings.epochs, settings.batch_size, settings.image_size, settings.grid) == (200, 64, 256, 16)
    assert (settings.lr, settings.discriminator_lr, settings.momentum, settings.weight_decay) == (0.03, 0.03, 0.9, 1e-4)
    assert settings.discriminator_momentum == 0.9
    assert (settings.schedule, settings.schedule_at, settings.final_lr) == ("cosine", "epoch_start", 0.0)
    published: Any = make_pretrain_settings("published", {"method": "liftedcl"})
    assert (published.bones, published.backbone, settings.bones) == ("released", "resnet50.tv_in1k", "mended")


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_discriminator_has_a_momentum_of_its_own(given: dict[str, Any], optimizer: str) -> None:
    settings: Any = make_pretrain_settings(None, given | {"optimizer": optimizer, "discriminator_momentum": 0.25})
    found = {}
    for plan in LiftedCL().optimizers(settings):
        layer = torch.nn.Linear(1, 1)
        own = replace(plan, groups=None)
        group = PlannedOptimizer(own, layer, layer, epochs=1, steps_per_epoch=1).optimizer.param_groups[0]
        found[plan.name] = group["betas"][0] if optimizer == "adam" else group["momentum"]
    assert found == {"generator": 0.9, "discriminator": 0.25}
