"""What is hidden is not read, in any stage; one head on both embeddings; who may be among the unlabeled pairs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from generated_trees import GeneratedTree
from torch.nn import functional
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.data.batch import collate
from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.ntu_store import NtuStoreDataset
from hcmoco_bench.data.overlap import Overlap
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.prepare.executors import make_executor
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.pretrain.methods.hcmoco import HCMoCoSettings
from hcmoco_bench.pretrain.multimodal.stores import open_mixture
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.results import read_result
from hcmoco_bench.sources.ntu.lists import load_lists
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.kinds.ntu import NTU
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint
from hcmoco_bench.tasks.core.finetune import FinetuneReport, run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.modalities.net import SharedEmbeddingNet
from hcmoco_bench.tasks.modalities.objective import SharedEmbeddingObjective
from hcmoco_bench.tasks.parsing.objective import pixel_loss
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint

OTHER = {"rgb": "depth", "depth": "rgb"}
SMALL = {
    "backbone": "test_resnet",
    "init": "scratch",
    "image_size": 64,
    "batch_size": 8,
    "epochs": 1,
    "negatives": 32,
    "points": 20,
}


@pytest.fixture(scope="session")
def pair_store(generated_tree: GeneratedTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated clips under the names of other clips and performers, as unlabeled pairs."""
    tree = tmp_path_factory.mktemp("modalities") / "tree"
    for path in sorted(generated_tree.root.glob("nturgb+d_*/*")):
        setup, performer = int(path.name[1:4]), int(path.name[9:12])
        name = f"S{setup % 32 + 1:03}{path.name[4:8]}P{performer % 106 + 1:03}{path.name[12:]}"
        (tree / path.parent.name).mkdir(parents=True, exist_ok=True)
        (tree / path.parent.name / name).symlink_to(path)
    shutil.copy(generated_tree.root / "GENERATED.json", tree)
    options = check_options(set="pretrain", every=4)
    executor = make_executor("local", workers=1)
    return prepare_ntu([tree], tree.parent / "pairs", options, lists=generated_tree.lists, executor=executor).store.path


def poisoned(store: Path, copy: Path, hidden: dict[str, str]) -> Path:
    """A copy of a store in which the images of one modality of each split are no images."""
    shutil.copytree(store, copy)
    for split, column in hidden.items():
        for path in NTU.open(copy).shards(split):
            with pq.ParquetFile(path) as file:
                groups = [file.read_row_group(group) for group in range(file.num_row_groups)]
            with pq.ParquetWriter(path, groups[0].schema, compression="none", use_dictionary=False) as writer:
                for table in groups:
                    place = table.column_names.index(column)
                    rows = [{"bytes": b"NaN" * 50, "path": row["path"]} for row in table[column].to_pylist()]
                    writer.write_table(table.set_column(place, column, pa.array(rows, table.schema.field(column).type)))
    return copy


@pytest.fixture(scope="session")
def poison(parsing_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The labeled store with the target spoilt in train and the source in test."""

    def make(target: str) -> Path:
        folder = tmp_path_factory.getbasetemp() / f"modalities-poisoned-{target}"
        return folder if folder.exists() else poisoned(parsing_store, folder, {"train": target, "test": OTHER[target]})

    return make


def settings_of(task: str, labeled: Path, pairs: Path, **given: Any) -> FinetuneSettings:
    return make_finetune_settings(task, SMALL | {"stores": (str(labeled), str(pairs))} | given)


def pretraining(labeled: Path, pairs: Path, target: str) -> PretrainSettings:
    return make_pretrain_settings(
        None,
        {
            "method": "cmc",
            "stores": (str(labeled), str(pairs)),
            "hide": (target, "nothing"),
            "stage1_epochs": 1,
            "stage2_epochs": 0,
            "trackers": (),
            **{name: value for name, value in SMALL.items() if name not in {"epochs", "points"}},
        },
    )


def same_states(one: Path, other: Path) -> bool:
    states = [load_checkpoint(path)["model"] for path in (one, other)]
    assert states[0].keys() == states[1].keys()
    return all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def same_evidence(one: FinetuneReport, other: FinetuneReport) -> bool:
    evaluations = [report.runs[0].evaluation for report in (one, other)]
    assert evaluations[0] is not None
    assert evaluations[1] is not None
    pairs = [
        (column, evaluations[1].evidence.columns[name]) for name, column in evaluations[0].evidence.columns.items()
    ]
    return evaluations[0].scores == evaluations[1].scores and all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("direction", ["rgb_to_depth", "depth_to_rgb"])
def test_nothing_of_the_hidden_modality_is_read_in_any_stage(
    direction: str, parsing_store: Path, pair_store: Path, poison: Callable[[str], Path], tmp_path: Path
) -> None:
    target = direction.rpartition("_")[2]
    spoilt = poison(target)
    with pytest.raises(StoreError, match=f"column {target} cannot be decoded"):
        NtuStoreDataset(spoilt, size=32)[0]
    reports = {}
    for name, labeled in (("clean", parsing_store), ("spoilt", spoilt)):
        run_pretrain(pretraining(labeled, pair_store, target), tmp_path / name / "pre")
        ckpt = str(tmp_path / name / "pre" / "checkpoint.pth")
        config = settings_of("cross_modality", labeled, pair_store, ckpt=ckpt, direction=direction)
        reports[name] = run_finetune(config, tmp_path / name / "run", sheet_size=0, bootstrap=0)
    clean, spoilt_folder = tmp_path / "clean", tmp_path / "spoilt"
    assert same_states(clean / "pre" / "checkpoint.pth", spoilt_folder / "pre" / "checkpoint.pth")
    assert (clean / "run/seed-0/losses.csv").read_bytes() == (spoilt_folder / "run/seed-0/losses.csv").read_bytes()
    assert same_states(clean / "run/seed-0/model.pth", spoilt_folder / "run/seed-0/model.pth")
    assert same_evidence(reports["clean"], reports["spoilt"])
    # and scored on its own, the model of the clean store gives the very figures on the spoilt one
    task = get_task("cross_modality")
    model = load_task_checkpoint(clean / "run/seed-0/model.pth", "cross_modality")
    again = evaluate_checkpoint(task, model, scoring_settings(task, model.config, {"stores": (str(spoilt),)}))
    last = reports["clean"].runs[0].evaluation
    assert last is not None
    assert again.evaluation.scores == last.scores
    notes = read_result(clean / "run/result.json").status.notes
    assert any(f"tested on {target}" in note for note in notes)
    assert "contrastive = hcmoco, overlap = leave_out" in notes


def test_one_training_serves_both_missing_modalities_and_neither_test_reads_the_other(
    parsing_store: Path, pair_store: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    given = {**SMALL, "contrastive": "cmc", "only": "rgb"}
    listed = [text for name, value in given.items() for text in ("--set", f"{name}={value}")]
    stores = ["--store", str(parsing_store), "--store", str(pair_store)]
    done = CliRunner().invoke(
        app, ["finetune", "--task", "missing_modality", *stores, *listed, "--out", str(out), "--sheet", "0", "--quiet"]
    )
    assert done.exit_code == 0, done.output
    model, task = load_task_checkpoint(out / "seed-0" / "model.pth", "missing_modality"), get_task("missing_modality")
    scores = {}
    for only in ("rgb", "depth"):
        spoilt = poisoned(parsing_store, tmp_path / f"without-{only}", {"test": OTHER[only]})
        found = []
        for store in (parsing_store, spoilt):
            config = scoring_settings(task, model.config, {"stores": (str(store),), "only": only})
            found.append(evaluate_checkpoint(task, model, config).evaluation)
        assert found[0].scores == found[1].scores
        scores[only] = found[0].scores
    result = read_result(out / "result.json")
    assert result.scores.all == scores["rgb"]
    assert "labels learned with RGB and depth together, tested with only rgb" in result.status.notes
    file = tmp_path / "depth.json"
    arguments = [
        "--store",
        str(parsing_store),
        "--set",
        "only=depth",
        "--out",
        str(file),
        "--sheet",
        "0",
        "--bootstrap",
        "0",
        "--quiet",
    ]
    done = CliRunner().invoke(
        app, ["eval", "--task", "missing_modality", "--ckpt", str(out / "seed-0/model.pth"), *arguments]
    )
    assert done.exit_code == 0, done.output
    assert read_result(file).scores.all == scores["depth"]


@pytest.fixture
def batch(parsing_store: Path, pair_store: Path) -> Any:
    """Three labeled samples without depth, and three pairs."""
    labeled = NtuStoreDataset(parsing_store, size=64, hide="depth")
    pairs = NtuStoreDataset(pair_store, size=64)
    samples = [labeled[0], pairs[0], labeled[1], pairs[5], pairs[9], labeled[2]]
    return collate([replace(sample, index=row) for row, sample in enumerate(samples)])


def network_and_loss(
    contrastive: str, parsing_store: Path, pair_store: Path, task: str
) -> tuple[SharedEmbeddingNet, SharedEmbeddingObjective]:
    config = settings_of(task, parsing_store, pair_store, contrastive=contrastive, class_weights="none")
    made, data = (
        get_task(task),
        get_task(task).open_data(settings_of(task, parsing_store, pair_store), "train", train=True),
    )
    torch.manual_seed(0)
    model = made.build_model(config)
    objective = made.build_objective(config, model, data)
    assert isinstance(model, SharedEmbeddingNet)
    assert isinstance(objective, SharedEmbeddingObjective)
    return model, objective


def test_the_loss_is_ten_times_the_cross_entropy_of_labeled_samples_beside_the_contrast(
    batch: Any, parsing_store: Path, pair_store: Path
) -> None:
    assert not batch.has_depth[[0, 2, 5]].any()
    model, objective = network_and_loss("hcmoco", parsing_store, pair_store, "cross_modality")
    model.eval()
    result = objective(model, batch, stage=0, generator=torch.Generator().manual_seed(1))
    reader = model.reader("rgb")
    scores = functional.interpolate(reader(normalize_rgb(batch.rgb[[0, 2, 5]])), size=(64, 64), mode="bilinear")
    expected = functional.cross_entropy(scores, batch.parts[[0, 2, 5]].long()).detach()
    assert result.metrics["parsing"].value == pytest.approx(float(expected), rel=1e-4)
    contrast = sum(
        float(measure.value)
        for name, measure in result.metrics.items()
        if name not in ("parsing", "accuracy") and not name.startswith("accuracy/")
    )
    assert float(result.loss.detach()) == pytest.approx(10 * float(expected) + contrast, rel=1e-4)
    assert set(result.metrics) == set(objective.columns)
    result.loss.backward()
    assert any(parameter.grad is not None for parameter in model.features.depth_encoder.parameters())
    kept = objective.state_dict()
    assert not torch.equal(
        kept["bank_depth"],
        network_and_loss("hcmoco", parsing_store, pair_store, "cross_modality")[1].state_dict()["bank_depth"],
    )


def test_without_contrast_the_other_encoder_stays_as_it_is(batch: Any, parsing_store: Path, pair_store: Path) -> None:
    model, objective = network_and_loss("none", parsing_store, pair_store, "cross_modality")
    before = {name: value.clone() for name, value in model.features.state_dict().items()}
    model.train()
    objective(model, batch, stage=0, generator=torch.Generator()).loss.backward()
    after = model.features.state_dict()
    for name, value in before.items():
        if not name.startswith(("rgb_encoder", "dense_mappers.rgb")):
            assert torch.equal(value, after[name]), name
    touched = {name.partition(".")[0] for name, value in model.features.named_parameters() if value.grad is not None}
    assert touched == {"rgb_encoder", "dense_mappers"}
    assert objective.columns == ("parsing", "accuracy")


def test_the_head_learns_from_the_maximum_of_both_embeddings(parsing_store: Path, pair_store: Path) -> None:
    model, _ = network_and_loss("none", parsing_store, pair_store, "missing_modality")
    model.eval()
    labeled = NtuStoreDataset(parsing_store, size=64)
    both = collate([labeled[0], labeled[3]])
    features = model.features
    maps = [
        features.dense_map(name, image, both.intrinsics, both.foreground)
        for name, image in (("rgb", both.rgb), ("depth", both.depth))
    ]
    assert maps[0].norm(dim=1).mean().item() == pytest.approx(1, abs=1e-4)
    assert torch.allclose(model(both).scores, model.head(torch.stack(maps).amax(0)), atol=1e-5)


@pytest.mark.parametrize("contrastive", ["none", "cmc"])
def test_a_batch_without_labels_has_no_parsing_loss(
    contrastive: str, batch: Any, parsing_store: Path, pair_store: Path
) -> None:
    model, objective = network_and_loss(contrastive, parsing_store, pair_store, "cross_modality")
    unlabeled = replace(batch, has_parts=torch.zeros(6, dtype=torch.bool))
    result = objective(model.train(), unlabeled, stage=0, generator=torch.Generator().manual_seed(0))
    result.loss.backward()
    assert float(result.metrics["parsing"].value) == 0
    assert float(result.metrics["parsing"].weight) == 0
    assert bool(torch.isfinite(result.loss))
    assert pixel_loss(torch.zeros(0, 25, 2, 2), torch.zeros(0, 8, 8, dtype=torch.long), None)[0] == 0


def test_pairs_show_no_labeled_clip_and_nobody_of_the_test_split(
    generated_tree: GeneratedTree, parsing_store: Path, pair_store: Path, tmp_path: Path
) -> None:
    options, executor = check_options(set="pretrain", every=5), make_executor("local", workers=1)
    same = prepare_ntu([generated_tree.root], tmp_path / "same", options, lists=generated_tree.lists, executor=executor)
    stores = (str(parsing_store), str(pair_store))
    mixture = open_mixture(HCMoCoSettings(stores=stores, image_size=64))
    overlap = Overlap.with_stores([NTU.open(parsing_store)])
    kept = [SampleId.parse(str(sample_id)) for sample_id in mixture.datasets[1].index.ids]  # type: ignore[attr-defined]
    tested = {SampleId.parse(one).clip.performer for one in NTU.open(parsing_store).splits["test"].ids}
    assert tested == overlap.performers
    assert not {sample.clip for sample in kept} & overlap.clips
    assert not {sample.clip.performer for sample in kept} & tested
    with pytest.raises(StoreError, match=r"every sample .* overlap=keep"):
        open_mixture(HCMoCoSettings(stores=(str(parsing_store), str(same.store.path)), image_size=64))
    everything = HCMoCoSettings(stores=(str(parsing_store), str(same.store.path)), image_size=64, overlap="keep")
    assert open_mixture(everything).lengths[1] == same.store.manifest.splits["train"].rows
    # a pre-training that saw them is refused, and so is one that cannot be asked
    task = get_task("cross_modality")
    for given, message in (
        ({"stores": (str(same.store.path),)}, "samples of .* that are of clips of the labeled store"),
        ({"stores": stores}, "its pre-training read depth"),
        ({"stores": stores, "hide": ("rgb", "nothing")}, "its pre-training read depth"),
        ({"stores": (str(tmp_path / "gone"),)}, "cannot tell what it has seen"),
        ({"stores": stores, "hide": ("depth", "nothing"), "joints": "shared13"}, "--set joints=shared13"),
        (
            {"stores": stores, "hide": ("depth", "nothing"), "method": "mmv"},
            "by mmv; .* by cmc or hcmoco",
        ),
    ):
        trained = make_pretrain_settings(None, {"backbone": "test_resnet", "init": "scratch", "image_size": 64} | given)
        ckpt = tmp_path / "other.pth"
        save_checkpoint(ckpt, {"kind": "pretrain", "config": trained.to_dict(), "model": {}})
        with pytest.raises(UsageError, match=message):
            task.build_model(settings_of("cross_modality", parsing_store, pair_store, ckpt=str(ckpt)))


def test_a_pretraining_cannot_come_in_as_a_file_of_weights(
    parsing_store: Path, pair_store: Path, tmp_path: Path
) -> None:
    trained = make_pretrain_settings(None, {"backbone": "test_resnet", "init": "scratch"})
    save_checkpoint(tmp_path / "pre.pth", {"kind": "pretrain", "config": trained.to_dict(), "model": {}})
    config = settings_of("cross_modality", parsing_store, pair_store, init=str(tmp_path / "pre.pth"))
    with pytest.raises(UsageError, match="give a pre-training as --ckpt"):
        get_task("cross_modality").build_model(config)


def test_settings_under_which_nothing_would_be_hidden_are_refused(
    generated_tree: GeneratedTree, parsing_store: Path, pair_store: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="goes with --protocol leaky alone"):
        settings_of("cross_modality", parsing_store, pair_store, overlap="keep")
    leaky = settings_of("cross_modality", parsing_store, pair_store, overlap="keep", protocol="leaky")
    assert "hidden modality" in str(get_task("cross_modality").record.protocol(leaky.protocol).leaks)
    with pytest.raises(UsageError, match="pointnet takes depth as points; choose another"):
        settings_of("missing_modality", parsing_store, pair_store, backbone="pointnet")
    with pytest.raises(UsageError, match="hide has 1 entries for 2 stores"):
        make_pretrain_settings(None, {"stores": ("a", "b"), "hide": ("depth",)})
    task = get_task("cross_modality")
    alone = make_finetune_settings("cross_modality", SMALL | {"stores": (str(parsing_store),)})
    with pytest.raises(UsageError, match="give --store twice"):
        task.open_data(alone, "train", train=True)
    options = check_options(parts=True, align="registered")
    warped = prepare_ntu(
        [generated_tree.root],
        tmp_path / "warped",
        options,
        annotations=generated_tree.masks,
        lists=generated_tree.lists,
        executor=make_executor("local", workers=1),
    )
    for train in (True, False):
        with pytest.raises(UsageError, match="warped with each frame's depth"):
            task.open_data(settings_of("cross_modality", warped.store.path, pair_store), "train", train=train)


@pytest.mark.parametrize("task", ["cross_modality", "missing_modality"])
def test_why_there_is_no_protocol_published(task: str, parsing_store: Path, pair_store: Path) -> None:
    with pytest.raises(UsageError, match=r"no protocol 'published': .*random 320 px crop.* choose from native, leaky"):
        settings_of(task, parsing_store, pair_store, protocol="published")
    shown = CliRunner().invoke(app, ["tasks", task])
    assert "random 320 px crop" in " ".join(shown.output.split())
    assert "version 2" in shown.output


def test_leaky_may_keep_the_overlap_and_choose_on_the_test_split(
    parsing_store: Path, pair_store: Path, tmp_path: Path
) -> None:
    given = {"contrastive": "none", "choose": "best", "overlap": "keep", "protocol": "leaky"}
    report = run_finetune(
        settings_of("cross_modality", parsing_store, pair_store, **given), tmp_path, bootstrap=0, sheet_size=0
    )
    assert report.written is not None
    result = report.written.result
    assert (result.task.protocol, result.task.version) == ("leaky", "2")
    notes = " ".join(result.status.notes)
    for told in ("overlap = keep", "protocol leaky leaks: with overlap = keep", "the epoch was chosen on the test"):
        assert told in notes
    task = get_task("cross_modality")
    model = load_task_checkpoint(tmp_path / "seed-0" / "model.pth", "cross_modality")
    again = evaluate_checkpoint(task, model, scoring_settings(task, model.config, {}))
    assert again.evaluation.scores == result.scores.all
    # what leaked in training cannot be scored as if it had not
    with pytest.raises(UsageError, match="goes with --protocol leaky alone"):
        scoring_settings(task, model.config, {"protocol": "native"})
    with pytest.raises(UsageError, match="trained with overlap = keep, and scoring cannot make it leave_out"):
        scoring_settings(task, model.config, {"protocol": "native", "overlap": "leave_out"})


def test_scoring_cannot_change_what_was_learned(parsing_store: Path, pair_store: Path) -> None:
    trained = settings_of("cross_modality", parsing_store, pair_store)
    for given in ({"direction": "depth_to_rgb"}, {"contrastive": "none"}):
        with pytest.raises(UsageError, match="and scoring cannot make it"):
            scoring_settings("cross_modality", trained, given)
    missing = settings_of("missing_modality", parsing_store, pair_store)
    assert scoring_settings("missing_modality", missing, {"only": "rgb"}).only == "rgb"


def test_both_protocols_score_alike() -> None:
    native, leaky = (protocol.model_dump() for protocol in get_task("cross_modality").record.protocols)
    differing = {name for name, value in native.items() if leaky[name] != value}
    assert differing == {"name", "summary", "leaks", "chooses_on_test", "may_keep_overlap"}


@pytest.mark.lists
def test_who_is_in_the_published_test_split(official_lists: Path) -> None:
    splits = load_lists(official_lists).splits
    performers = {name: {one.clip.performer for one in splits[name].ids} for name in ("train", "test")}
    clips = {name: {one.clip for one in splits[name].ids} for name in ("train", "test")}
    assert not clips["train"] & clips["test"]
    assert min(clip.setup for clip in clips["test"]) > 17  # NTU-60, the authors' unlabeled pairs, has 17 setups
    assert sorted(number for number in performers["test"] if number <= 40) == [6, 8, 11]
    assert len(performers["train"] & performers["test"]) == 26
