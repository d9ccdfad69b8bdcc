"""Runs and results: what they read is compared, what they left out is not, and what is gone is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audit_stores import write_run
from typer.testing import CliRunner

from hcmoco_bench.audit.audit import audit_paths
from hcmoco_bench.audit.findings import Audit, Comparison
from hcmoco_bench.cli.app import app
from hcmoco_bench.data.data_record import DataRecord, record_stores
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import ModelEntry, PretrainEntry, RunEntry, TrainingEntry
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.result import write_evaluations
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Evaluation
from hcmoco_bench.training.checkpoint import save_checkpoint

SMALL = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "batch_size": 4}


def of(found: Audit, first: str, second: str) -> list[Comparison]:
    return [one for one in found.comparisons if (one.first, one.second) == (first, second)]


def pretraining(folder: Path, *stores: Path, **given: Any) -> Path:
    values = {**SMALL, "stores": [str(store) for store in stores], "trackers": [], **given}
    return write_run(folder, make_pretrain_settings(None, values))


def finetuning(folder: Path, task: str, *stores: Path, **given: Any) -> Path:
    settings = make_finetune_settings(task, {**SMALL, "stores": [str(store) for store in stores], **given})
    write_run(folder / "seed-0", settings)
    return folder


def test_samples_that_a_pretraining_left_out_are_not_reported(
    parsing_store: Path, mixed_store: Path, tmp_path: Path
) -> None:
    run = finetuning(tmp_path / "run", "depth_parsing", parsing_store)
    left_out = pretraining(tmp_path / "left-out", parsing_store, mixed_store)
    kept = pretraining(tmp_path / "kept", parsing_store, mixed_store, overlap="keep")
    labeled, unlabeled = of(audit_paths([run, left_out], images=False), "pre-training", "test")
    assert labeled.first_where.endswith("(train)")
    assert labeled.first_samples == 14
    assert unlabeled.clips is not None
    assert unlabeled.people is not None
    assert (unlabeled.clips.names, unlabeled.people.names) == ((), ())
    _, unlabeled = of(audit_paths([run, kept], images=False), "pre-training", "test")
    assert unlabeled.clips is not None
    assert unlabeled.clips.names
    assert unlabeled.leaks
    assert unlabeled.first_samples == len(open_store(mixed_store).splits["train"].ids)


def test_a_finetuning_is_compared_by_its_own_splits(parsing_store: Path, tmp_path: Path) -> None:
    run = finetuning(tmp_path / "run", "depth_parsing", parsing_store, lists="subjects")
    found = audit_paths([run, parsing_store], images=False)
    (one,) = of(found, "training", "test")
    splits = open_store(parsing_store).splits
    assert one.first_samples == len(splits["subjects_train"].ids)
    assert one.second_samples == len(splits["subjects_test"].ids)
    assert one.samples is not None
    assert one.clips is not None
    assert one.people is not None
    assert (one.samples.names, one.clips.names) == ((), ())
    assert {name[:4] for name in one.people.names} == set()
    assert found.leaks == ()
    assert found.verdict() == "no leak found in what was compared; not looked at: frames (by request)"


def test_pairs_that_show_what_a_task_hides_are_a_leak(
    parsing_store: Path, mixed_store: Path, unlabeled_store: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"negatives": 32, "points": 20, "batch_size": 8}
    clean = finetuning(tmp_path / "clean", "cross_modality", parsing_store, mixed_store, **options)
    leaky = finetuning(
        tmp_path / "leaky", "cross_modality", parsing_store, mixed_store, protocol="leaky", overlap="keep", **options
    )
    found = audit_paths([clean], images=False)
    (pairs,) = of(found, "unlabeled pairs", "training")
    assert pairs.leaks
    assert pairs.found() == []
    assert not any("unlabeled" in leak for leak in found.leaks)
    found = audit_paths([leaky], images=False)
    (pairs,) = of(found, "unlabeled pairs", "training")
    assert pairs.leaks
    assert pairs.clips is not None
    assert pairs.clips.names
    assert not pairs.people_leak
    assert any(leak.startswith("protocol leaky of cross_modality") for leak in found.leaks)


def test_the_epoch_chosen_on_the_test_split_is_a_leak(parsing_store: Path, tmp_path: Path) -> None:
    run = finetuning(
        tmp_path / "run", "depth_parsing", parsing_store, lists="subjects", protocol="published", choose="best"
    )
    found = audit_paths([run], images=False)
    assert found.leaks == (
        "protocol published of depth_parsing: the epoch is chosen on the test split (choose = best)",
    )


def test_a_store_that_is_gone_is_said_and_the_rest_compared(
    parsing_store: Path, mixed_store: Path, unlabeled_store: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(unlabeled_store, gone)
    run = finetuning(tmp_path / "run", "depth_parsing", parsing_store)
    before = pretraining(tmp_path / "before", mixed_store, gone)
    shutil.rmtree(gone)
    found = audit_paths([run, before], images=False)
    assert [problem.kind for problem in found.problems] == ["store_missing"]
    assert str(gone) in found.problems[0].reason
    assert [one.first_where for one in of(found, "pre-training", "test")] == [f"{mixed_store} (train)"]
    assert "1 store_missing" in found.verdict()


def test_nothing_is_invented_where_a_labeled_store_is_gone(
    parsing_store: Path, mixed_store: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(parsing_store, gone)
    run = finetuning(tmp_path / "run", "depth_parsing", parsing_store, lists="subjects")
    before = pretraining(tmp_path / "before", gone, mixed_store)
    shutil.rmtree(gone)
    found = audit_paths([run, before], images=False)
    assert {problem.kind for problem in found.problems} == {"store_missing", "overlap_unknown"}
    assert of(found, "pre-training", "test") == []
    assert found.leaks == ()


def test_relative_stores_are_found_from_the_folder_above_a_run(
    parsing_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(parsing_store, tmp_path / "data" / "store")
    monkeypatch.chdir(tmp_path)
    run = finetuning(Path("work") / "run", "depth_parsing", Path("data") / "store").absolute()
    monkeypatch.chdir("/")
    found = audit_paths([run], images=False)
    assert found.problems == ()
    assert len(found.comparisons) == 1


def test_the_pretraining_behind_a_run_is_found_in_its_checkpoint(
    parsing_store: Path, unlabeled_store: Path, mixed_store: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.pth", tmp_path / "second.pth"
    for path, store, init in ((first, mixed_store, second), (second, unlabeled_store, first)):  # a circle
        settings = make_pretrain_settings(None, {**SMALL, "stores": [str(store)], "trackers": [], "init": str(init)})
        data = DataRecord(stores=record_stores(settings.stores)).to_dict()
        save_checkpoint(path, {"kind": "pretrain", "config": settings.to_dict(), "model": {}, "data": data})
    config = make_finetune_settings("depth_parsing", {**SMALL, "stores": [str(parsing_store)], "ckpt": str(first)})
    write_run(tmp_path / "run" / "seed-0", config)
    found = audit_paths([tmp_path / "run"], images=False)
    assert found.problems == ()
    learned = [one.first_where for one in of(found, "pre-training", "test")]
    assert learned == [f"{unlabeled_store} (train)", f"{mixed_store} (train)"]
    assert of(found, "pre-training", "test") == of(
        audit_paths([tmp_path / "run", first], images=False), "pre-training", "test"
    )
    model = tmp_path / "model.pth"
    save_checkpoint(model, {"kind": "task", "config": {"finetune": config.to_dict()}, "model": {}})
    again = audit_paths([model], images=False)
    assert again.comparisons == found.comparisons


def test_weights_that_are_gone_are_said(parsing_store: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "pre" / "checkpoint.pth")
    settings = make_finetune_settings("depth_parsing", {**SMALL, "stores": [str(parsing_store)]})
    write_run(tmp_path / "run" / "seed-0", settings.model_copy(update={"ckpt": missing}))
    found = audit_paths([tmp_path / "run"], images=False)
    assert [problem.kind for problem in found.problems] == ["pretraining_missing"]
    assert missing in found.problems[0].reason


def write_result(folder: Path, store: Path, *, training: TrainingEntry | None, pretrain: str = "scratch") -> Path:
    """A result of parsing whose evidence holds the test ids of the store."""
    task = get_task("depth_parsing")
    config: FinetuneSettings = make_finetune_settings("depth_parsing", {**SMALL, "stores": [str(store)]})
    data = task.open_data(config, "test", train=False)
    blank = task.label_evidence(data, config)
    assert blank is not None
    evidence: Evidence = perfect_evidence(task, data.ids, blank)
    evaluation = Evaluation(task.scores(evidence), task.per_class(evidence), evidence, len(data), len(data))
    model = ModelEntry(name="a model", pretrain=PretrainEntry(method=pretrain), training=training)
    run = RunEntry(tool="a test", seeds=(0,))
    write_evaluations(
        folder / "result.json",
        task,
        data,
        "published",
        [evaluation],
        model=model,
        run=run,
        bootstrap=0,
        notes=["the epoch was chosen on the test split: a leak"],
    )
    return folder / "result.json"


def perfect_evidence(task: Any, ids: tuple[str, ...], labels: Any) -> Evidence:
    found = task.blank_evidence("published", "")
    target = np.asarray(labels["target"])
    columns = {
        name: target.astype(column.dtype) if column.ndim == target.ndim else np.zeros((len(ids),), column.dtype)
        for name, column in found.columns.items()
    }
    return Evidence(found.metric, ids, columns, found.meta)


def test_a_result_is_compared_with_its_store(parsing_store: Path, tmp_path: Path) -> None:
    path = write_result(tmp_path / "out", parsing_store, training=TrainingEntry(split="train", ratio=1.0))
    found = audit_paths([path, parsing_store], images=False)
    (one,) = of(found, "training", "test")
    (same,) = of(audit_paths([parsing_store], images=False), "training", "test")
    assert one.people == same.people
    assert one.clips == same.clips
    assert "the epoch was chosen on the test split: a leak" in found.leaks[-1]
    assert found.problems == ()


def test_a_result_asks_for_its_pretraining_until_it_is_given(
    parsing_store: Path, mixed_store: Path, tmp_path: Path
) -> None:
    training = TrainingEntry(split="train", ratio=1.0)
    path = write_result(tmp_path / "out", parsing_store, training=training, pretrain="cmc")
    alone = audit_paths([path, parsing_store], images=False)
    assert [problem.kind for problem in alone.problems] == ["pretraining_not_given"]
    run = pretraining(tmp_path / "run", mixed_store)
    found = audit_paths([path, parsing_store, run], images=False)
    assert found.problems == ()
    assert len(of(found, "pre-training", "test")) == 1


def test_a_result_alone_says_what_is_not_known(parsing_store: Path, tmp_path: Path) -> None:
    path = write_result(tmp_path / "out", parsing_store, training=None)
    found = audit_paths([path])
    assert {problem.kind for problem in found.problems} == {"training_unknown", "nothing_compared"}
    assert len(found.leaks) == 1
    assert found.verdict() == "1 leak found; nothing was compared with a test set; not looked at: 1 training_unknown"
    path.with_name("result-evidence-0.npz").write_bytes(b"no evidence")
    again = audit_paths([path, parsing_store], images=False)
    assert any("test samples are not known" in problem.reason for problem in again.problems)


@pytest.mark.parametrize("name", ["absent", "notes.txt", "folder", "settings"])
def test_what_cannot_be_audited_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "folder").mkdir()
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="give a prepared store, the folder of a run"):
        audit_paths([tmp_path / name])


def test_damaged_files_are_refused(parsing_store: Path, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"schema": 1}')
    with pytest.raises(DataError, match="not a result of schema 1"):
        audit_paths([tmp_path / "result.json"])
    run = finetuning(tmp_path / "run", "depth_parsing", parsing_store)
    (run / "seed-0" / "data.json").write_text("{")
    with pytest.raises(DataError, match=r"data\.json"):
        audit_paths([run])
    (tmp_path / "weights.pth").write_bytes(b"no weights")
    with pytest.raises(DataError, match=r"weights\.pth"):
        audit_paths([tmp_path / "weights.pth"])


def test_the_command_prints_leaks_and_ends_with_a_verdict(parsing_store: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["audit", str(parsing_store), "--no-images"])
    assert done.exit_code == 0
    assert "leak: shared performers:" in done.stdout
    assert (
        done.stdout.strip().splitlines()[-1].startswith(f"{len(audit_paths([parsing_store], images=False).leaks)} leak")
    )
    assert CliRunner().invoke(app, ["audit", str(parsing_store), "--no-images", "--strict"]).exit_code == 3
    run = finetuning(tmp_path / "run", "depth_parsing", parsing_store, lists="subjects")
    clean = CliRunner().invoke(app, ["audit", str(run), "--strict", "--json"])
    assert clean.exit_code == 0
    told = json.loads(clean.stdout)
    assert told["leaks"] == []
    assert told["comparisons"][0]["duplicates"]["pairs"] == 0
    assert told["verdict"] == "no leak found in what was compared; everything was looked at"
