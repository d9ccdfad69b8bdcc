"""The 2-D pose task: data, scores by pycocotools and by hand, boxes, chance, training and scoring again."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pose2d_stores import CROWD, EMPTY, FILE, NOBODY, SMALL
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import nn

from hcmoco_bench.data.pose2d_crops import PoseCrops
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.metrics.possible_evidence import impossible
from hcmoco_bench.results import read_result
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint, evaluate_model
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose2d.data import pose_source
from hcmoco_bench.tasks.pose2d.heatmaps import HeatmapGrid, target_heatmaps
from hcmoco_bench.tasks.pose2d.mean_pose import mean_pose
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings
from hcmoco_bench.tasks.pose2d.task import TRUE_BOXES, Pose2d

CPU = torch.device("cpu")
Records = list[dict[str, Any]]
STATISTICS = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")


def config(store: Path, **given: Any) -> Pose2dSettings:
    small = {"backbone": "test_resnet", "init": "scratch", "image_size": 64, "head_width": 8, "batch_size": 4}
    small |= {"eval_batch_size": 2, "epochs": 2, "milestones": [1.0], "encoding": "unbiased", "decoding": "unbiased"}
    found = make_finetune_settings("pose2d", small | {"stores": (str(store),)} | given)
    assert isinstance(found, Pose2dSettings)
    return found


@pytest.fixture
def task() -> Pose2d:
    found = get_task("pose2d")
    assert isinstance(found, Pose2d)
    return found


class Oracle(nn.Module):
    """Gives the true heatmaps of a data set's crops in their order; of mirrored crops, which come next, the
    mirrored."""

    def __init__(self, data: TaskData, settings: Pose2dSettings, off: float = 0.0) -> None:
        super().__init__()
        self.samples = [data.dataset[row] for row in range(len(data))]
        self.joints = torch.cat([one.joints for one in self.samples])
        self.known = torch.cat([one.known for one in self.samples])
        self.joints = self.joints + torch.tensor([off, 0.0])
        self.settings, self.next = settings, 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows = slice(self.next, self.next + len(images))
        self.next += len(images)
        height, width = images.shape[-2:]
        size = (height // 1, width // 1)  # a heatmap as fine as the crop
        grid = HeatmapGrid.of((height, width), size, self.settings.encoding)
        return target_heatmaps(self.joints[rows], self.known[rows], grid, size, self.settings.sigma)[0]


def pycocotools(truth: Path, detections: Records) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        annotations = COCO(str(truth))
        evaluation = COCOeval(annotations, annotations.loadRes(detections), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(STATISTICS, evaluation.stats.tolist(), strict=True))


def detections(root: Path, seed: int = 0) -> Records:
    """People near those of the validation file, somewhere else, and in the image without people."""
    rng = np.random.default_rng(seed)
    content = json.loads((root / FILE).read_text())
    found: Records = []
    for entry in content["annotations"]:
        for offset in (0.0, 1.5, 4.0):
            points = np.array(entry["keypoints"], float).reshape(17, 3)
            points[:, :2] += offset * rng.normal(size=(17, 2))
            found.append({"image_id": entry["image_id"], "keypoints": points, "score": round(float(rng.random()), 2)})
    for image in content["images"]:
        points = np.concatenate([rng.uniform(0, 100, (17, 2)), np.ones((17, 1))], axis=1)
        found.append({"image_id": image["id"], "keypoints": points, "score": round(float(rng.random()), 2)})
    return [one | {"category_id": 1, "keypoints": one["keypoints"].ravel().tolist()} for one in found]


def test_the_usual_recipe() -> None:
    settings = make_finetune_settings("pose2d", {"stores": ("x",)})
    assert isinstance(settings, Pose2dSettings)
    assert (settings.backbone, settings.image_size, settings.batch_size, settings.epochs) == ("resnet50", 256, 128, 210)
    assert (settings.optimizer, settings.lr, settings.weight_decay) == ("adam", 1e-3, 0)
    assert (settings.schedule, settings.milestones, settings.step_factor) == ("multistep", (170, 200), 0.1)
    assert (settings.sigma, settings.rotation, settings.scaling) == (2, 45, 0.35)
    assert (settings.flip, settings.half_body) == (0.5, 0.3)
    assert (settings.encoding, settings.decoding, settings.shift) == ("quantized", "quarter", 1)
    assert (settings.joint_threshold, settings.suppress) == (0.2, 0.9)
    assert settings.replace(encoding="unbiased").shift == 0


def test_rows_are_people_in_training_and_images_in_scoring(task: Pose2d, coco_store: Path, coco_root: Path) -> None:
    settings = config(coco_store)
    train = task.open_data(settings, "train", train=True)
    content = json.loads((coco_root / "annotations/person_keypoints_train2017.json").read_text())
    learned = [entry for entry in content["annotations"] if entry["num_keypoints"] and not entry["iscrowd"]]
    assert train.ids == tuple(str(entry["id"]) for entry in learned)
    assert len(set(train.groups or ())) == len({entry["image_id"] for entry in learned})
    test = task.open_data(settings, "validation", train=False)
    assert test.expected == test.ids
    assert test.ids[-1] == f"{EMPTY:012d}"
    source = pose_source(test)
    assert {CROWD, NOBODY} == set(map(int, source.split.ignored.ids))
    assert str(SMALL) in source.split.people.ids
    assert [len(row) for row in source.crops.rows][-1] == 0
    with pytest.raises(UsageError, match="has no split 'test'"):
        task.open_data(settings, "test", train=False)
    half = task.open_data(settings.replace(ratio=0.5), "train_50", train=True)
    assert half.ids == train.ids[::2][: len(train) // 2]


def test_crops_show_the_person_and_lead_back(task: Pose2d, coco_store: Path) -> None:
    settings = config(coco_store, rotation=45.0)
    for train in (False, True):
        data = task.open_data(settings, "train", train=train)
        dataset = data.dataset
        assert isinstance(dataset, PoseCrops)
        mirrored = 0
        for row in range(len(data)):
            for epoch in range(3 if train else 1):
                sample = dataset[row, epoch]
                again = dataset[row, epoch]
                assert torch.equal(sample.rgb, again.rgb)
                person = int(dataset.boxes.person[row])
                known = dataset.split.people.state[person] > 0
                back = sample.to_image[0].numpy()
                points = sample.joints[0].numpy() @ back[:, :2].T + back[:, 2]
                flipped = bool(np.linalg.det(back[:, :2]) < 0)
                mirrored += flipped
                order = _flip() if flipped else np.arange(17)
                expected = dataset.split.people.joints[person][order]
                np.testing.assert_allclose(points[known[order]], expected[known[order]], atol=1e-3)
                assert sample.rgb.shape == (1, 3, 64, 48)
                if not train:
                    assert (sample.known.numpy() == known).all()
        assert (mirrored > 0) == train


def _flip() -> np.ndarray:
    from hcmoco_bench.body.joints import joint_set

    return joint_set("coco17").flip


@pytest.mark.parametrize("seed", range(3))
def test_statistics_equal_pycocotools(
    task: Pose2d, coco_store: Path, coco_root: Path, tmp_path: Path, seed: int
) -> None:
    """With a crowd, a small person, somebody without joints, an image of nobody, and one without detections."""
    settings = config(coco_store)
    data = task.open_data(settings, "validation", train=False)
    found = detections(coco_root, seed)
    path = tmp_path / "found.json"
    path.write_text(json.dumps(found))
    evaluation = task.score_predictions(path, data, settings)
    expected = pycocotools(coco_root / FILE, found)
    for name, value in expected.items():
        if value == -1:
            assert math.isnan(evaluation.scores[name])
        else:
            assert evaluation.scores[name] / 100 == pytest.approx(value, abs=1e-12)
    assert evaluation.problems == ()
    assert evaluation.n_scored == evaluation.n_expected == len(data)
    assert task.scores(evaluation.evidence) == pytest.approx(evaluation.scores, nan_ok=True)
    assert impossible(evaluation.evidence) == ()
    assert task.evidence_errors(evaluation.evidence, "native", "") == ()
    assert task.evidence_errors(evaluation.evidence, "mpii", "")
    labels = task.label_evidence(data, settings)
    np.testing.assert_array_equal(labels["n_truths"], evaluation.evidence.columns["n_truths"])
    few = [one for one in found if one["image_id"] != EMPTY]
    path.write_text(json.dumps(few))
    again = task.score_predictions(path, data, settings)
    assert again.problems[0].kind == "no_detections"
    expected = pycocotools(coco_root / FILE, few)
    assert again.scores["AP"] / 100 == pytest.approx(expected["AP"], abs=1e-12)


def test_a_models_people_equal_pycocotools_too(task: Pose2d, coco_store: Path, coco_root: Path, tmp_path: Path) -> None:
    """Detected boxes, rescored and suppressed: what the task scores is what pycocotools scores."""
    boxes = write_boxes(coco_root, tmp_path / "boxes.json")
    settings = config(coco_store, boxes=str(boxes))
    data = task.open_data(settings, "validation", train=False)
    torch.manual_seed(0)
    model = task.build_model(settings)
    with torch.no_grad():
        model.head.final.bias += 0.5  # type: ignore[union-attr,operator]
    given: Records = []
    from hcmoco_bench.metrics.keypoints import KeypointMetric

    take = KeypointMetric.update

    def listen(metric: KeypointMetric, records: Records) -> None:
        given.extend(records)
        take(metric, records)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeypointMetric, "update", listen)
        evaluation = evaluate_model(task, model, data, settings, CPU)
    assert given
    expected = pycocotools(coco_root / FILE, [one | {"category_id": 1} for one in given])
    assert evaluation.scores["AR"] / 100 == pytest.approx(expected["AR"], abs=1e-12)
    assert evaluation.scores["AP"] / 100 == pytest.approx(expected["AP"], abs=1e-12)


@pytest.mark.parametrize("protocol", ["native", "mpii"])
def test_a_perfect_model_is_perfect(task: Pose2d, coco_store: Path, mpii_store: Path, protocol: str) -> None:
    store = coco_store if protocol == "native" else mpii_store
    settings = config(store, protocol=protocol, flip_test=False, image_size=128)
    data = task.open_data(settings, "validation", train=False)
    evaluation = evaluate_model(task, Oracle(data, settings), data, settings, CPU, sheet_size=2)
    if protocol == "mpii":
        assert evaluation.scores["PCKh"] == evaluation.scores["PCKh_0.1"] == 100
    else:
        assert evaluation.scores["AP"] == evaluation.scores["AR"] == pytest.approx(100)
    assert task.scores(evaluation.evidence) == pytest.approx(evaluation.scores, nan_ok=True)
    assert task.evidence_errors(evaluation.evidence, protocol, task.variant(settings)) == ()
    assert [figure.name for figure in evaluation.figures] == ["skeletons", "joints", "curve"]
    for figure in evaluation.figures:
        assert figure.draw().axes
    labels = task.label_evidence(data, settings)
    assert set(labels) == task.label_columns & set(evaluation.evidence.columns)
    for name, column in labels.items():
        np.testing.assert_array_equal(column, evaluation.evidence.columns[name])


def test_pckh_by_hand(task: Pose2d, mpii_store: Path) -> None:
    """Predictions moved by a number of px: right where that is at most 0.3 of the diagonal of the head's box."""
    settings = config(mpii_store, protocol="mpii", flip_test=False, image_size=128)
    data = task.open_data(settings, "validation", train=False)
    people = pose_source(data).split.people
    diagonal = np.linalg.norm(people.head_boxes[:, 2:] - people.head_boxes[:, :2], axis=1)
    assert (diagonal > 4).all()
    evaluation = evaluate_model(task, Oracle(data, settings, off=4.0), data, settings, CPU)
    scale = np.array([float(np.linalg.norm(data.dataset[row].to_image[0, :, 0])) for row in range(len(data))])
    np.testing.assert_allclose(
        evaluation.evidence.columns["distance"][evaluation.evidence.columns["valid"]],
        np.broadcast_to((4.0 * scale / (0.6 * diagonal))[:, None], people.state.shape)[people.state > 0],
        atol=0.02,
    )


def test_the_mean_pose_is_chance(task: Pose2d, coco_store: Path) -> None:
    settings = config(coco_store)
    train = task.open_data(settings, "train", train=False)
    model = mean_pose(train, settings)
    mirrored = model.heatmaps.flip(-1)[torch.from_numpy(_flip())]
    torch.testing.assert_close(model.heatmaps, mirrored, atol=1e-5, rtol=0)
    data = task.open_data(settings, "validation", train=False)
    evaluation = evaluate_model(task, model, data, settings, CPU)
    assert 0 <= evaluation.scores["AP"] < 60
    joints = torch.cat([train.dataset[row].joints for row in range(len(train))])
    known = torch.cat([train.dataset[row].known for row in range(len(train))])
    nose = joints[:, 0][known[:, 0]].mean(0)[1] / 4
    assert model.heatmaps[0].sum(1).argmax().item() == pytest.approx(nose.item(), abs=1.5)


def write_boxes(root: Path, path: Path, **more: Any) -> Path:
    """The true boxes of the validation images, moved a little, as a detector writes them."""
    content = json.loads((root / FILE).read_text())
    entries = [
        {"image_id": one["image_id"], "category_id": 1, "bbox": [value + 1 for value in one["bbox"]], "score": 0.9}
        | more
        for one in content["annotations"]
        if not one["iscrowd"]
    ]
    path.write_text(json.dumps(entries))
    return path


class TestBoxes:
    def test_detected_boxes_are_cropped_and_marked(
        self, task: Pose2d, coco_store: Path, coco_root: Path, tmp_path: Path
    ) -> None:
        true = config(coco_store)
        found = config(coco_store, boxes=str(write_boxes(coco_root, tmp_path / "boxes.json")))
        assert (task.variant(true), task.variant(found)) == (TRUE_BOXES, "")
        assert any("a leak" in note for note in task.notes(true))
        assert "the boxes of people are those of boxes.json" in task.notes(found)
        assert task.variants("native") == {"", TRUE_BOXES}
        assert task.record.protocol("native").possible_leaks()
        data = task.open_data(found, "validation", train=False)
        source = pose_source(data)
        assert (source.boxes.person == -1).all()
        assert set(source.boxes.scores) == {0.9}
        assert not data.dataset[0].known.any()
        with pytest.raises(UsageError, match="leave boxes out"):
            config(coco_store, protocol="mpii", boxes="x.json")

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            ("", "boxes_unreadable"),
            ('[{"image_id": 3, "bbo', "boxes_unreadable"),
            ("{}", "boxes_unreadable"),
            ("[]", "boxes_unreadable"),
            ("[3]", "boxes_unreadable"),
            ('[{"image_id": 3, "score": 0.5}]', "boxes_unreadable"),
            ('[{"image_id": 3, "bbox": [1, 2, 3], "score": 0.5}]', "boxes_unreadable"),
            ('[{"image_id": 3, "bbox": [1, 2, NaN, 4], "score": 0.5}]', "boxes_unreadable"),
            ('[{"image_id": 3, "bbox": [1, 2, 3, 4], "score": "high"}]', "boxes_unreadable"),
            ('[{"image_id": 3.5, "bbox": [1, 2, 3, 4], "score": 1}]', "boxes_unreadable"),
            ('[{"image_id": 3, "bbox": [1, 2, -3, 4], "score": 1}]', "boxes_unreadable"),
            ('[{"image_id": 3, "bbox": [1, 2, 3, 4], "score": 1, "category_id": 18}]', "boxes_unreadable"),
            ('[{"image_id": 77, "bbox": [1, 2, 3, 4], "score": 1}]', "boxes_of_other_images"),
        ],
    )
    def test_bad_files(self, task: Pose2d, coco_store: Path, tmp_path: Path, content: str, kind: str) -> None:
        path = tmp_path / "boxes.json"
        path.write_text(content)
        with pytest.raises(DataError, match=r"boxes\.json") as caught:
            task.open_data(config(coco_store, boxes=str(path)), "validation", train=False)
        assert caught.value.kind == kind
        with pytest.raises(DataError):
            task.open_data(config(coco_store, boxes=str(tmp_path / "none.json")), "validation", train=False)

    def test_what_is_left_out_is_counted(self, task: Pose2d, coco_store: Path, coco_root: Path, tmp_path: Path) -> None:
        path = write_boxes(coco_root, tmp_path / "boxes.json")
        entries = json.loads(path.read_text())
        n = len(entries)
        entries += [
            entries[0] | {"category_id": 18},
            entries[0] | {"bbox": [5, 5, 0, 10]},
            entries[0] | {"score": 0.1},
            entries[0] | {"image_id": 4242},
        ]
        path.write_text(json.dumps(entries))
        data = task.open_data(config(coco_store, boxes=str(path), box_threshold=0.5), "validation", train=False)
        assert len(pose_source(data).boxes) == n
        kinds = {problem.kind: problem.reason for problem in data.problems}
        assert set(kinds) == {"box_category", "box_empty", "box_threshold", "box_other_image"}
        assert "1 boxes have no size; left out" in kinds["box_empty"]


def test_stores_of_the_other_data_set_are_refused(task: Pose2d, coco_store: Path, mpii_store: Path) -> None:
    with pytest.raises(UsageError, match="prepare coco, or another --protocol"):
        task.open_data(config(mpii_store), "validation", train=False)
    with pytest.raises(UsageError, match="prepare mpii"):
        task.open_data(config(coco_store, protocol="mpii"), "validation", train=False)
    with pytest.raises(DataError, match="nobody in split train has the box of a head"):
        task.open_data(config(mpii_store, protocol="mpii"), "train", train=False)
    with pytest.raises(UsageError, match="multiples of 4"):
        config(coco_store, image_size=66)
    with pytest.raises(UsageError, match=r"LiftedCL's release"):
        config(coco_store, protocol="published")


def test_heatmaps_that_are_not_finite_are_an_error(task: Pose2d, coco_store: Path) -> None:
    settings = config(coco_store)
    data = task.open_data(settings, "validation", train=False)
    torch.manual_seed(0)
    model = task.build_model(settings)
    with torch.no_grad():
        model.head.final.weight.fill_(float("nan"))  # type: ignore[union-attr,operator]
    with pytest.raises(DataError) as caught:
        evaluate_model(task, model, data, settings, CPU)
    assert caught.value.kind == "not_finite"


@pytest.mark.parametrize("protocol", ["native", "mpii"])
def test_training_scoring_again_and_resuming(
    task: Pose2d, coco_store: Path, mpii_store: Path, tmp_path: Path, protocol: str
) -> None:
    """`eval` of a checkpoint gives the figures of the training to the last bit; a resumed run is the
    uninterrupted one."""
    store = coco_store if protocol == "native" else mpii_store
    settings = config(store, protocol=protocol, batch_size=2)
    report = run_finetune(settings, tmp_path / "run", bootstrap=20, sheet_size=1)
    assert report.written is not None
    result = read_result(report.written.path)
    assert result.scores.main == task.record.main_score_of(protocol)
    assert (result.task.protocol, result.task.variant) == (protocol, TRUE_BOXES if protocol == "native" else "")
    before = report.runs[0].evaluation
    assert before is not None
    found = load_task_checkpoint(tmp_path / "run" / "seed-0" / "model.pth", task, given={})
    again = evaluate_checkpoint(task, found, scoring_settings(task, found.config, {}), bootstrap=0).evaluation
    assert again.scores == pytest.approx(before.scores, abs=0, nan_ok=True)
    for name, column in before.evidence.columns.items():
        np.testing.assert_array_equal(column, again.evidence.columns[name])
    for fixed in ({"encoding": "quantized"}, {"protocol": "mpii" if protocol == "native" else "native"}):
        with pytest.raises(UsageError, match="the model was trained with"):
            scoring_settings(task, found.config, fixed)
    assert scoring_settings(task, found.config, {"decoding": "quarter"}).decoding == "quarter"
    if protocol == "mpii":

        def stop(label: str, done: int, total: int | None) -> None:
            if label.startswith("training") and done == settings.batch_size:  # stops after the next step
                os.kill(os.getpid(), signal.SIGTERM)

        cut = run_finetune(settings, tmp_path / "cut", bootstrap=0, sheet_size=0, progress=stop)
        assert cut.interrupted
        resumed = run_finetune(settings, tmp_path / "cut", resume=True, bootstrap=0, sheet_size=0)
        after = resumed.runs[0].evaluation
        assert after is not None
        np.testing.assert_array_equal(after.evidence.columns["distance"], before.evidence.columns["distance"])
        one, other = (tmp_path / name / "seed-0" / "losses.csv" for name in ("run", "cut"))
        assert one.read_bytes() == other.read_bytes()


def test_an_epoch_can_be_chosen_on_held_out_people(task: Pose2d, coco_store: Path, tmp_path: Path) -> None:
    settings = config(coco_store, validation_share=0.4, choose="best")
    report = run_finetune(settings, tmp_path / "run", bootstrap=0, sheet_size=0)
    assert report.written is not None
    assert "the epoch was chosen on a share of the training data" in read_result(report.written.path).status.notes


def test_groups_are_the_images_of_mpiis_people(task: Pose2d) -> None:
    groups = task.groups(["005808361_00", "005808361_01", "004645041_00"])
    assert groups is not None
    assert (groups.of, groups.noun) == (("005808361", "005808361", "004645041"), "images")
    assert task.groups(["000000000785", "000000040083"]) is None
    assert task.groups(["COCO_val2014_000000000042", "COCO_val2014_000000000043"]) is None
    assert task.groups([]) is None
