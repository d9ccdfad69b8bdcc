"""The DensePose task: splits, what is learned from, scores, predictions of others, training and scoring again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from detectron2_files import Found, write_dump, write_evaluation

from hcmoco_bench.data.densepose import DensePoseBatch, collate_densepose
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.losses.densepose import ChartWeights
from hcmoco_bench.metrics.densepose import Detection, write_results
from hcmoco_bench.models.densepose.head import Charts
from hcmoco_bench.models.densepose.rcnn import Detections, TrainingOutput
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.results import read_result
from hcmoco_bench.sources.densepose import find_annotations
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_model, evaluate_predictions
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.plausibility import AS_GIVEN_NOTE
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.densepose.data import open_densepose
from hcmoco_bench.tasks.densepose.detections import chance_detections, image_detections, images_of
from hcmoco_bench.tasks.densepose.objective import DensePoseObjective, chart_points, coarse_truth, network_input
from hcmoco_bench.tasks.densepose.settings import DensePoseSettings
from hcmoco_bench.tasks.densepose.task import DensePose

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {
    "backbone": "hrnet_w18_small",
    "init": "scratch",
    "image_size": 96,
    "batch_size": 2,
    "epochs": 1,
    "milestones": [0.5],
    "warmup_epochs": 0,
    "width": 16,
    "levels": 3,
    "pooling": "average",
    "box_width": 32,
    "decoder_width": 8,
    "convolutions": 1,
    "head_width": 16,
    "pooled": 7,
    "proposals_before": [100, 60],
    "proposals_after": [60, 40],
    "boxes_per_picture": 32,
}


@pytest.fixture(scope="module")
def root(generated_densepose: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, beside which the geodesic distances are kept."""
    return Path(shutil.copytree(generated_densepose, tmp_path_factory.mktemp("densepose") / "root"))


@pytest.fixture
def task() -> DensePose:
    found = get_task("densepose")
    assert isinstance(found, DensePose)
    return found


def config(root: Path, **given: Any) -> FinetuneSettings:
    return make_finetune_settings("densepose", SMALL | {"root": str(root)} | given)


def change(root: Path, out: Path, split: str, edit: Any) -> Path:
    """A copy of the data set with one annotation file changed."""
    copy = Path(shutil.copytree(root, out / "changed"))
    path = find_annotations(copy)[split]
    content = json.loads(path.read_text("utf-8"))
    edit(content)
    path.write_text(json.dumps(content), "utf-8")
    return copy


def test_the_papers_settings() -> None:
    settings = make_finetune_settings("densepose", {"root": "x"})
    assert (settings.optimizer, settings.lr, settings.batch_size, settings.image_size) == ("sgd", 0.01, 16, 800)
    steps = settings.epochs * 32_421 / settings.batch_size
    assert steps == pytest.approx(130_000, rel=0.01)
    assert [epochs * 32_421 / 16 for epochs in settings.milestones] == pytest.approx([100_000, 120_000], rel=0.01)
    low = make_finetune_settings("densepose", {"root": "x", "ratio": 0.1})
    assert (low.lr, low.epochs * 3_242 / low.batch_size) == (0.005, pytest.approx(13_000, rel=0.01))
    assert make_finetune_settings("densepose", {"root": "x", "ratio": 0.1, "lr": 0.02}).lr == 0.02


def test_the_sizes_are_those_of_the_network() -> None:
    settings = DensePoseSettings(task="densepose")
    assert settings.network() == RCNNSettings()
    assert settings.weights() == ChartWeights()
    assert DensePoseSettings(task="densepose", width=16).network() == RCNNSettings(width=16)
    with pytest.raises(UsageError, match="coarse_channels"):
        make_finetune_settings("densepose", {"root": "x", "coarse_channels": 7})


def test_nothing_leaks(task: DensePose) -> None:
    assert [protocol.leaks for protocol in task.record.protocols] == [None, None]


def test_splits_and_ratios(task: DensePose, root: Path) -> None:
    train = task.open_data(config(root), "train", train=True)
    test = task.open_data(config(root), task.test_split(config(root)), train=False)
    assert train.ids == train.expected == ("1", "2", "3", "4", "6")  # the train file, then valminusminival
    assert test.ids == test.expected == ("5",)
    assert train.generated
    assert test.manifest_sha256 != train.manifest_sha256
    part = task.open_data(config(root, ratio=0.5), "train_50", train=True)
    assert part.ids == part.expected == ("1", "3")
    assert part.dataset[1].sample_id == "3"
    for wrong in ("test", "train_30", "minival_50", "train_many"):
        with pytest.raises(UsageError, match="densepose"):
            task.open_data(config(root), wrong, train=True)


def test_published_scores_at_800_px(task: DensePose, root: Path) -> None:
    published = task.open_data(config(root, protocol="published"), "minival", train=False)
    assert min(published.dataset[0].rgb.shape[1:]) == 800
    assert min(task.open_data(config(root), "minival", train=False).dataset[0].rgb.shape[1:]) == 96


def test_published_does_not_pad(task: DensePose, root: Path) -> None:
    seen = []
    settings = config(root, proposals_before=[10, 10], proposals_after=[10, 10])
    model = task.build_model(settings, fresh=False)
    model.register_forward_pre_hook(lambda _, given, options: seen.append(options["padded"]), with_kwargs=True)
    for protocol in ("native", "published"):
        chosen = settings.replace(protocol=protocol)
        evaluate_model(task, model, task.open_data(chosen, "minival", train=False), chosen, CPU)
    assert seen == [True, False]
    assert task.record.version == 2  # its scores before were with padding
    objectives = [
        task.build_objective(settings.replace(padding=padding), model, task.open_data(settings, "train", train=True))
        for padding in (True, False)
    ]
    assert [objective.padded for objective in objectives if isinstance(objective, DensePoseObjective)] == [True, False]


def test_missing_images_are_counted_and_stay_expected(task: DensePose, root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    (copy / "train2014" / "COCO_train2014_000000000002.jpg").unlink()
    data = task.open_data(config(copy), "train", train=True)
    assert data.ids == ("1", "3", "4", "6")
    assert data.expected == ("1", "2", "3", "4", "6")
    assert [(problem.id, problem.kind) for problem in data.problems] == [("2", "image_missing")]


def test_without_tables_scoring_is_refused_before_any_work(task: DensePose, root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    (copy / "annotations" / "densepose_body.npz").unlink()
    assert not task.open_data(config(copy), "train", train=True).generated
    with pytest.raises(DataError, match=r"get_eval_data\.sh"):
        task.open_data(config(copy), "minival", train=False)
    with pytest.raises(UsageError, match="give --root"):
        task.open_data(replace_root(config(root)), "minival", train=False)


def replace_root(settings: FinetuneSettings) -> FinetuneSettings:
    return settings.model_copy(update={"root": None})


def test_truncated_annotations_are_refused(task: DensePose, root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    path = find_annotations(copy)["minival"]
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="fetch it again"):
        task.open_data(config(copy), "minival", train=False)


def make_batch(root: Path) -> DensePoseBatch:
    data = open_densepose(root, "train", 96, flip=0.5, train=False, seed=0)
    batch = data.collate([data.dataset[0], data.dataset[3]], 2)
    assert isinstance(batch, DensePoseBatch)
    return batch


def make_output(batch: DensePoseBatch, coarse: int = 2) -> TrainingOutput:
    """Regions: each person's box, moved a little, of the second image before the first."""
    boxes, image, person = [], [], []
    for number in (1, 0):
        for which, box in enumerate(batch.people[number].boxes):
            boxes.append(box + torch.tensor([-3.0, 4.0, 5.0, -2.0]))
            image.append(number)
            person.append(which)
    count = len(boxes)
    generator = torch.Generator().manual_seed(0)
    charts = Charts(*(torch.randn(count, c, 28, 28, generator=generator) for c in (coarse, 25, 25, 25)))
    zero = {name: torch.zeros(()) for name in ("objectness", "proposal_box", "class", "box")}
    return TrainingOutput(zero, charts, torch.stack(boxes), torch.tensor(image), torch.tensor(person))


def test_each_region_is_taught_its_own_persons_points_and_parts(root: Path) -> None:
    batch = make_batch(root)
    output = make_output(batch)
    points, truth = chart_points(batch, output), coarse_truth(batch, output, 28)
    expected = []
    for region in range(len(output.boxes)):
        people = batch.people[int(output.image[region])]
        box = output.boxes[region]
        for point in torch.nonzero(people.owner == output.person[region])[:, 0]:
            place = (people.xy[point] - box[:2]) / (box[2:] - box[:2])
            expected.append((region, *place.tolist(), int(people.part[point]), *people.uv[point].tolist()))
    found = [
        (int(region), *xy.tolist(), int(part), *uv.tolist())
        for region, xy, part, uv in zip(points.region, points.xy, points.part, points.uv, strict=True)
    ]
    np.testing.assert_allclose(np.array(sorted(found)), np.array(sorted(expected)), rtol=1e-5)
    # a coarse part is where points of its charts are
    inside = ((points.xy > 0.02) & (points.xy < 0.98)).all(dim=1)
    cell = (points.xy[inside] * 28).long()
    covered = truth[points.region[inside], cell[:, 1], cell[:, 0]] > 0
    assert covered.float().mean() > 0.9


def test_the_objective_adds_its_terms_and_counts_what_they_are_means_of(root: Path) -> None:
    batch, output = make_batch(root), make_output(make_batch(root))

    class Fixed(torch.nn.Module):
        def forward(self, images: torch.Tensor, *given: Any, padded: bool) -> TrainingOutput:
            assert images.dtype == torch.float32
            assert padded
            return output

    objective = DensePoseObjective(ChartWeights())
    result = objective(Fixed(), batch, stage=0, generator=torch.Generator())
    assert set(result.metrics) == set(objective.columns)
    assert float(result.loss) == pytest.approx(sum(float(m.value) for m in result.metrics.values()), rel=1e-5)
    assert float(result.metrics["coarse"].weight) == len(output.boxes) * 28 * 28
    assert float(result.metrics["u"].weight) == 2


def test_the_networks_input_is_zero_beyond_each_image(root: Path) -> None:
    batch = make_batch(root)
    grown = replace(batch, rgb=torch.nn.functional.pad(batch.rgb, (0, 9, 0, 5), value=200))
    images = network_input(grown)
    for row, (height, width) in enumerate(grown.sizes):
        assert not images[row, :, height:].any()
        assert not images[row, :, :, width:].any()
        assert images[row, :, :height, :width].std() > 0.1


def detections_of(n: int, charted: int, *, finite: bool = True) -> Detections:
    boxes = torch.tensor([[10.0, 20.0, 50.0, 92.0]]).repeat(n, 1) + torch.arange(n)[:, None]
    charts = Charts(*(torch.zeros(charted, c, 28, 28) for c in (2, 25, 25, 25)))
    charts.coarse[:, 1] = 1
    charts.fine[:, 7] = 1
    charts.u[:, 7] = 0.5
    return Detections(boxes, torch.linspace(0.9, 0.1, n), charts, finite)


def test_detections_are_in_the_px_of_the_file(root: Path) -> None:
    batch = replace(make_batch(root), scales=((2.0, 4.0), (1.0, 1.0)))
    first, second, third = image_detections(batch, 0, detections_of(3, 2))
    assert first.image_id == int(batch.sample_ids[0])
    assert first.box == (5.0, 5.0, 20.0, 18.0)
    assert first.iuv.shape == (3, 18, 20)
    assert np.unique(first.iuv[0]).tolist() == [7]
    assert np.unique(second.iuv[1]).tolist() == [127]
    assert not third.iuv.any()  # beyond those with charts only the box counts
    assert image_detections(batch, 1, detections_of(0, 0)) == []


def test_outputs_that_are_not_finite_are_refused(root: Path) -> None:
    with pytest.raises(DataError, match="not finite"):
        image_detections(make_batch(root), 0, detections_of(2, 1, finite=False))


def near_perfect(data: TaskData) -> Iterable[Detection]:
    """The true boxes; each px takes the nearest annotated point's part, U and V."""
    for image in images_of(data).values():
        for person in image.people:
            left, top, right, bottom = map(float, person.box)
            box = (left, top, right - left, bottom - top)
            width, height = int(box[2]), int(box[3])
            iuv = np.zeros((3, height, width), np.uint8)
            assert person.surface is not None
            x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
            offset = np.stack([x, y], -1)[:, :, None] - person.surface.xy
            nearest = (offset**2).sum(-1).argmin(-1)
            iuv[0] = person.surface.part[nearest]
            iuv[1:] = np.moveaxis((255 * person.surface.uv[nearest]).round(), -1, 0)
            yield Detection(image.id, box, 0.9, iuv)


def score(task: DensePose, root: Path, path: Path, **given: Any) -> Any:
    settings = config(root)
    return task.score_predictions(path, task.open_data(settings, "minival", train=False), settings, **given)


def test_who_knows_the_points_scores_high_and_who_knows_the_boxes_alone_does_not(
    task: DensePose, root: Path, tmp_path: Path
) -> None:
    data = task.open_data(config(root), "minival", train=False)
    write_results(tmp_path / "good.json", near_perfect(data))
    good = score(task, root, tmp_path / "good.json", sheet_size=2)
    assert good.scores["gps_AP"] > 95
    assert good.scores["bbox_AP"] == pytest.approx(100)
    assert good.per_class["bbox"]["AP"] == good.scores["bbox_AP"]
    assert task.scores(good.evidence) == pytest.approx(good.scores, nan_ok=True)
    assert (good.n_expected, good.n_scored, good.problems) == (1, 1, ())
    assert [image.name for image in good.figures] == ["iuv"]
    assert good.figures[0].draw().axes
    write_results(tmp_path / "chance.json", chance_detections(data))
    chance = score(task, root, tmp_path / "chance.json")
    assert chance.scores["bbox_AP"] == pytest.approx(100)
    assert chance.scores["gps_AP"] < 5


def test_files_of_detectron2_score_as_the_same_detections_in_json(task: DensePose, root: Path, tmp_path: Path) -> None:
    data = task.open_data(config(root), "minival", train=False)
    detections = list(near_perfect(data))
    write_results(tmp_path / "results.json", detections)
    expected = score(task, root, tmp_path / "results.json")
    evaluation = score(task, root, write_evaluation(tmp_path / "coco_densepose_predictions.pth", detections))
    assert evaluation.scores == expected.scores
    assert evaluation.problems == ()
    (image,) = images_of(data).values()
    found = [Found.of(detection) for detection in detections]
    names = [f"/elsewhere/{image.path.name}", "/elsewhere/COCO_val2014_000000000009.jpg"]
    dump = score(task, root, write_dump(tmp_path / "results.pkl", dict.fromkeys(names, found)))
    assert dump.scores == pytest.approx(expected.scores, rel=1e-6, nan_ok=True)
    assert [(problem.kind, problem.kept) for problem in dump.problems] == [("not_in_split", False)]
    assert "COCO_val2014_000000000009.jpg" in dump.problems[0].reason
    partly = write_evaluation(tmp_path / "other.pth", [replace(detections[0], image_id=77)])
    with pytest.raises(DataError, match=r"1 images not in the split \(77\)"):
        score(task, root, partly)


def test_predictions_that_are_not_of_the_split_or_damaged_are_refused(
    task: DensePose, root: Path, tmp_path: Path
) -> None:
    data = task.open_data(config(root), "minival", train=False)
    path = tmp_path / "results.json"
    write_results(path, near_perfect(data))
    entries = json.loads(path.read_text("utf-8"))

    def refused(content: Any, match: str) -> None:
        path.write_text(json.dumps(content), "utf-8")
        with pytest.raises(DataError, match=match):
            score(task, root, path)

    refused([entries[0] | {"image_id": 77}], r"1 images not in the split \(77\)")
    refused([*entries, entries[0]], r"1 images with repeated detections \(5\)")
    refused([*entries[1:], entries[0] | {"score": float("nan")}], "1 not_finite")
    refused([*entries[1:], entries[0] | {"bbox": [0, 0, 500, 500]}], "1 iuv_wrong_size")
    refused({"annotations": []}, "list of objects")
    path.write_text(json.dumps(entries)[:-40], "utf-8")
    with pytest.raises(DataError, match="not whole JSON"):
        score(task, root, path)


def test_dense_poses_upside_down_are_refused_unless_the_user_insists(root: Path, tmp_path: Path) -> None:
    data = get_task("densepose").open_data(config(root), "minival", train=False)
    path, out = tmp_path / "results.json", tmp_path / "result.json"
    write_results(path, [replace(one, iuv=np.ascontiguousarray(one.iuv[:, ::-1])) for one in near_perfect(data)])
    with pytest.raises(DataError, match="look like dense poses upside down, not like part, U and V in place") as caught:
        evaluate_predictions("densepose", path, config(root), out=out)
    assert caught.value.kind == "predictions_implausible"
    assert re.search(r"Corrected, they have a gps_AP of 100\.0 %; as they are, a gps_AP of \d", str(caught.value))
    assert not out.exists()
    given = evaluate_predictions("densepose", path, config(root), out=out, bootstrap=0, as_given=True)
    assert given.evaluation.scores["gps_AP"] < 50
    assert AS_GIVEN_NOTE in read_result(out).status.notes


def test_no_detections_at_all_score_nothing_and_are_counted(task: DensePose, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text("[]", "utf-8")
    found = score(task, root, path)
    assert found.scores["gps_AP"] == found.scores["bbox_AP"] == 0
    (problem,) = found.problems
    assert (problem.kind, problem.kept) == ("no_detections", True)
    assert "1 of 1 images" in problem.reason


def test_images_without_people_are_scored_too(task: DensePose, root: Path, tmp_path: Path) -> None:
    def add_empty(content: dict[str, Any]) -> None:
        image = dict(content["images"][0], id=900)
        content["images"].append(image)

    copy = change(root, tmp_path, "minival", add_empty)
    data = task.open_data(config(copy), "minival", train=False)
    assert data.ids == data.expected == ("5", "900")
    write_results(tmp_path / "all.json", near_perfect(data))
    alone = score(task, copy, tmp_path / "all.json")
    person = next(iter(near_perfect(data)))
    write_results(tmp_path / "more.json", [*near_perfect(data), replace(person, image_id=900, score=0.99)])
    more = score(task, copy, tmp_path / "more.json")
    assert more.scores["bbox_AP"] < alone.scores["bbox_AP"]
    assert more.scores["gps_AP"] == alone.scores["gps_AP"]  # as published: no point there, no dense pose is wrong
    batch = collate_densepose([data.dataset[0], data.dataset[1]], 2)
    assert len(batch.people[1].boxes) == 0


def test_a_split_without_points_has_nothing_to_score(task: DensePose, root: Path, tmp_path: Path) -> None:
    def remove_points(content: dict[str, Any]) -> None:
        content["annotations"] = [
            {key: value for key, value in entry.items() if not key.startswith("dp_")}
            for entry in content["annotations"]
        ]

    copy = change(root, tmp_path, "minival", remove_points)
    path = tmp_path / "empty.json"
    path.write_text("[]", "utf-8")
    with pytest.raises(DataError, match="nothing to score"):
        score(task, copy, path)


@pytest.mark.slow
def test_training_then_scoring_the_checkpoint_gives_the_same_figures(
    task: DensePose, root: Path, tmp_path: Path
) -> None:
    settings = config(root, epochs=2, smallest_score=0.0)
    report = run_finetune(settings, tmp_path / "run", sheet_size=1, bootstrap=10)
    (run,) = report.runs
    assert run.evaluation is not None
    assert run.model is not None
    assert report.written is not None
    assert [path.name for path in report.written.figures] == ["iuv.png"]
    checkpoint = load_task_checkpoint(run.model, "densepose")
    again = evaluate_checkpoint(task, checkpoint, checkpoint.config)
    assert again.evaluation.scores == pytest.approx(run.evaluation.scores, rel=0, abs=0, nan_ok=True)
    for name, column in run.evaluation.evidence.columns.items():
        np.testing.assert_array_equal(again.evaluation.evidence.columns[name], column)
    assert (run.evaluation.evidence.columns["bbox_score"] > 0).any()  # something was detected and compared
    broken = task.build_model(settings, fresh=False)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(DataError, match="not finite"):
        evaluate_model(task, broken, task.open_data(settings, "minival", train=False), settings, CPU)
