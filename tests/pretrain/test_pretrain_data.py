"""A run knows its data: a store prepared anew is noticed, and settings that leave nothing to compare are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from generated_trees import GeneratedTree

from hcmoco_bench.data.data_record import UNRECORDED, read_data_record
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.losses.memory_bank import MemoryBank
from hcmoco_bench.prepare.executors import make_executor
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.pretrain.multimodal.sample_level import SampleLevel
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint


@pytest.fixture
def short(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run of one epoch."""
    return settings | {"stage2_epochs": 0}


def test_a_run_does_not_continue_on_a_store_that_was_prepared_anew(
    short: dict[str, Any], pretrain_store: Path, generated_tree: GeneratedTree, tmp_path: Path
) -> None:
    store, run = tmp_path / "store", tmp_path / "run"
    shutil.copytree(pretrain_store, store)
    config = make_pretrain_settings(None, short | {"stores": [str(store)]})
    checkpoint = run_pretrain(config, run).checkpoint
    record = read_data_record(load_checkpoint(checkpoint)["data"], "checkpoint")
    assert record is not None
    assert [found.manifest_sha256 for found in record.stores] == [file_sha256(store / "manifest.json")]
    assert record.to_dict() == json.loads((run / "data.json").read_text("utf-8"))
    assert run_pretrain(config, run, resume=True).samples == 0
    shutil.rmtree(store)
    every = check_options(
        set="pretrain", every=3, align="homography", rgb_only=False, parts=False, seed=0, rows_per_shard=128
    )
    prepare_ntu(
        [generated_tree.root], store, every, lists=generated_tree.lists, executor=make_executor("local", workers=1)
    )
    before = checkpoint.read_bytes()
    with pytest.raises(UsageError, match=r"store was prepared anew \(options\.every was 2 and is 3; .*another --out"):
        run_pretrain(config, run, resume=True)
    (run / "data.json").unlink()
    with pytest.raises(UsageError, match="store was prepared anew"):
        run_pretrain(config, run, resume=True)  # the checkpoint itself knows
    assert checkpoint.read_bytes() == before


def test_a_run_of_an_earlier_version_continues_and_says_that_its_data_is_not_known(
    short: dict[str, Any], tmp_path: Path
) -> None:
    run, config = tmp_path / "run", make_pretrain_settings(None, short)
    first = run_pretrain(config, run)
    assert first.notes == ()
    state = load_checkpoint(first.checkpoint)
    save_checkpoint(first.checkpoint, {name: value for name, value in state.items() if name not in ("data", "format")})
    (run / "data.json").unlink()
    again = run_pretrain(config, run, resume=True)
    assert again.notes == (UNRECORDED,)
    assert (again.steps, again.samples) == (first.steps, 0)
    assert run_pretrain(config, run, resume=True).notes == (), "from here on it is known"


@pytest.mark.parametrize(
    ("method", "changed", "said"),
    [
        ("cmc", {"negatives": "batch", "accumulate": 8}, "one sample in each accumulated batch"),
        ("hcmoco", {"negatives": "batch", "batch_size": 1}, "one sample in each accumulated batch"),
        ("mmv", {"accumulate": 8}, "one sample in each accumulated batch"),
        ("hcmoco", {"points": 1}, "points = 1"),
        ("hcmoco", {"negatives": 5000}, r"negatives = 5,000 are more than the memory bank has rows \(\d+"),
        ("cmc", {"negatives": 5000}, "more than the memory bank has rows"),
    ],
)
def test_settings_that_leave_nothing_to_compare_are_refused(
    short: dict[str, Any], method: str, changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    model = get_method(method).settings
    values = {name: value for name, value in (short | changed).items() if name in model.model_fields}
    with pytest.raises(UsageError, match=said):
        run_pretrain(make_pretrain_settings(None, values, method=method), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_settings_without_effect_are_not_refused(short: dict[str, Any]) -> None:
    weights = {"sample": 0.0, "dense": 0.0}
    values = {"stage1_epochs": 0, "stage2_epochs": 1, "negatives": 10**6, "points": 1, "weights": weights}
    settings = make_pretrain_settings(None, short | values)
    get_method("hcmoco").check_data(settings, 40)


def test_a_start_that_failed_does_not_count_as_a_run(short: dict[str, Any], tmp_path: Path) -> None:
    wrong = make_pretrain_settings(None, short | {"init": str(tmp_path / "missing.pth")})
    with pytest.raises(UsageError, match=r"missing\.pth"):
        run_pretrain(wrong, tmp_path / "run")
    assert run_pretrain(make_pretrain_settings(None, short), tmp_path / "run").steps == 5


def test_a_memory_bank_of_another_size_is_refused() -> None:
    def level(rows: int) -> SampleLevel:
        return SampleLevel(MemoryBank(rows, 4, generator=torch.Generator().manual_seed(0)))

    state = level(7).state_dict()
    level(7).load_state_dict(state)
    for given in (state, {}):
        with pytest.raises(DataError, match=r"memory bank of the checkpoint has .*, this run's has 9 rows of 4"):
            level(9).load_state_dict(given)
