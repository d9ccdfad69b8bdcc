"""Settings: the paper's by default, the ablation's as files, and mistakes are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.pretrain.methods.hcmoco import HCMoCoSettings
from hcmoco_bench.pretrain.recipes import RECIPES, make_pretrain_settings
from hcmoco_bench.runtime.recipes import recipe_names


def test_the_defaults_are_the_papers() -> None:
    config = HCMoCoSettings()
    assert (config.method, config.backbone, config.image_size, config.batch_size) == ("hcmoco", "hrnet_w18", 320, 224)
    assert (config.stage1_epochs, config.stage2_epochs) == (100, 100)
    assert (config.lr, config.momentum, config.weight_decay, config.final_lr) == (0.03, 0.9, 1e-4, 0.001)
    assert (config.negatives, config.bank_momentum, config.temperature, config.points) == (16_384, 0.5, 0.07, 400)
    assert (config.optimizer, config.crops) == ("sgd", "square")
    assert set(config.weights.model_dump().values()) == {1.0}


@pytest.mark.parametrize(
    ("name", "weights", "dense"),
    [
        ("ablation-sample", (1, 0, 0, 0), None),
        ("ablation-hard", (1, 1, 0, 0), "hard"),
        ("ablation-soft", (1, 1, 0, 0), "soft"),
        ("ablation-sparse", (1, 1, 1, 1), "soft"),
    ],
)
def test_the_rows_of_table_3(name: str, weights: tuple[float, ...], dense: str | None) -> None:
    config = make_pretrain_settings(name)
    assert tuple(config.weights.model_dump().values()) == weights
    assert dense is None or config.dense == dense
    assert name in recipe_names(RECIPES)


def test_settings_go_over_a_file_and_survive_a_round_trip(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('method = "hcmoco"\nlr = 0.1\n[weights]\ndense = 0.5\n')
    config = make_pretrain_settings(str(tmp_path / "a.toml"), {"weights.sparse_intra": 0, "seed": 4})
    assert (config.lr, config.seed, config.weights.dense, config.weights.sparse_intra) == (0.1, 4, 0.5, 0)
    (tmp_path / "b.json").write_text(json.dumps(config.to_dict()))
    assert make_pretrain_settings(str(tmp_path / "b.json")) == config


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"learning_rate": 1}, "learning_rate"),
        ({"weights.dens": 1}, r"no setting 'weights\.dens'; did you mean weights\.dense"),
        ({"image_siz": 64}, "did you mean image_size"),
        ({"method": "mmv", "points": 3}, r"mmv does not use the setting points \(a setting of hcmoco\)"),
        ({"method": "mmv", "weights.dense": 0}, "mmv does not use the setting weights"),
        ({"method": "cmc", "dense": "hard"}, "cmc does not use the setting dense"),
        ({"method": "hcmco"}, "did you mean hcmoco"),
        ({"lr": -1}, "lr"),
        ({"image_size": 100}, "image_size"),
        ({"lr": 2, "lr.x": 1}, "lr is a single value, not a table"),
        ({"stage1_epochs": 0, "stage2_epochs": 0}, "both stages"),
        ({"weights.sample": 0}, "stage 1 is the sample level alone"),
        ({"warmup_epochs": 100}, "warmup_epochs"),
        ({"negatives": 0}, "negatives"),
        ({"negatives": "all"}, "negatives"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        make_pretrain_settings(None, settings)


def test_an_unknown_file_lists_the_packaged_ones() -> None:
    with pytest.raises(UsageError, match="did you mean ablation-"):
        make_pretrain_settings("ablation")


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("lr = = 1")
    with pytest.raises(DataError, match="cannot be read as settings"):
        make_pretrain_settings(str(tmp_path / "a.toml"))
