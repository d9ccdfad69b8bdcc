"""The published evaluation of parsing: equal to the authors' code from the stored frame to every figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor, nn

from hcmoco_bench.body import part_table
from hcmoco_bench.data.parsing import ParsingDataset, collate_parsing, resize_labels
from hcmoco_bench.data.parsing_index import ParsingIndex
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.images import encode_png
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task import Evaluation
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.parsing.prediction import class_scores, whole_prediction
from hcmoco_bench.tasks.parsing.protocols import PUBLISHED, PUBLISHED_RGB, ParsingProtocol

CPU = torch.device("cpu")
PIXELS = 1e-5
"""Share of the pixels whose two best scores are so close that float32 decides between them by rounding."""


@dataclass
class Published:
    """The reference of one modality, its frames as a store has them, and a task that scores them at its sizes."""

    name: str
    arrays: dict[str, np.ndarray]
    folder: Path

    def __getitem__(self, key: str) -> np.ndarray:
        return self.arrays[f"{self.name}/{key}"]

    def rules(self, **changes: Any) -> ParsingProtocol:
        protocol = PUBLISHED if self.name == "depth" else PUBLISHED_RGB
        size = (int(self.arrays["target_width"]), int(self.arrays["target_height"]))
        return ParsingProtocol(**{**dict(protocol), "label_size": size, **changes})

    def task(self, protocol: ParsingProtocol) -> Any:
        kind = type(get_task(f"{self.name}_parsing"))
        record = kind.record.model_copy(update={"protocols": (protocol,), "default_protocol": protocol.name})
        return type("Reference", (kind,), {"record": record})()

    def config(self, protocol: ParsingProtocol) -> Any:
        given = {"image_size": int(self.arrays["input_size"]), "eval_batch_size": 2, "stores": ("x",)}
        return make_finetune_settings(self.task(protocol), given)

    def data(self, protocol: ParsingProtocol) -> TaskData:
        count = len(self["image"])
        ids = np.array([f"frame-{row}" for row in range(count)])
        shard = self.folder / "shard.parquet"
        columns = {
            name: [{"bytes": _png(image), "path": None} for image in images]
            for name, images in ((self.name, self["image"]), ("parts", self["label"]))
        }
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = pa.table({name: pa.array(rows, kind) for name, rows in columns.items()})
        pq.write_table(table, shard, compression="none", use_dictionary=False)
        dataset = ParsingDataset(
            self.folder,
            ParsingIndex(ids, np.array([(0, 0, row) for row in range(count)], np.int32), ids, ids, ()),
            (shard,),
            modality=self.name,  # type: ignore[arg-type]
            size=int(self.arrays["input_size"]),
            framing=protocol.frame("frame"),
            train=False,
            label_size=protocol.label_size,
            label_resizing=protocol.label_resizing,
            resizing=protocol.input_resizing,
        )
        names = tuple(ids.tolist())
        return TaskData(dataset, collate_parsing, names, "Reference", True, "test", names, "", None)

    def network(self) -> nn.Module:
        return Replay(*(torch.from_numpy(self[key]) for key in ("network_input", "logits", "logits_of_mirrored")))


def _png(image: np.ndarray) -> bytes:
    return encode_png(np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image)  # OpenCV writes B, G, R


class Replay(nn.Module):
    """Says of each input, and of its mirror image, what the reference's network said; refuses any other input."""

    def __init__(self, inputs: Tensor, logits: Tensor, mirrored: Tensor) -> None:
        super().__init__()
        self.known = torch.cat([inputs, inputs.flip(-1)]).expand(-1, 3, -1, -1)
        self.answers = torch.cat([logits, mirrored])

    def forward(self, image: Tensor, intrinsics: Tensor | None) -> Tensor:
        distance = (image[:, None] - self.known).abs().amax(dim=(2, 3, 4))
        least, which = distance.min(dim=1)
        assert least.max() < 1e-5
        return self.answers[which]


@pytest.fixture(params=["depth", "rgb"])
def published(request: pytest.FixtureRequest, oracle: Path, tmp_path: Path) -> Published:
    with np.load(oracle / "parsing_published.npz", allow_pickle=False) as arrays:
        return Published(request.param, dict(arrays), tmp_path)


def assert_scores(found: Evaluation, published: Published, prefix: str) -> None:
    names = part_table().names
    pixels = published["label_scored"].size
    for name in ("miou", "macc", "aacc"):
        if f"{published.name}/{prefix}/{name}" in published.arrays:
            assert found.scores[name] == pytest.approx(100 * float(published[f"{prefix}/{name}"]), abs=2e-3)
    iou = [found.per_class[name]["iou"] or 0.0 for name in names]
    np.testing.assert_allclose(iou, 100 * published[f"{prefix}/iou"], atol=5e-3)
    if f"{published.name}/{prefix}/confusion" in published.arrays:
        confusion = published[f"{prefix}/confusion"]
        columns = found.evidence.columns
        for column, expected in (
            ("intersection", confusion.diagonal()),
            ("target", confusion.sum(1)),
            ("prediction", confusion.sum(0)),
        ):
            assert np.abs(columns[column].sum(0) - expected).sum() <= max(2, 2 * PIXELS * pixels)
        np.testing.assert_array_equal(columns["target"].sum(0), confusion.sum(1))


@pytest.mark.oracle
def test_the_table_of_parts_is_the_published_one(published: Published) -> None:
    table = part_table()
    assert len(table) == int(published.arrays["n_classes"])
    np.testing.assert_array_equal(table.flip, published.arrays["flip_partner"])
    for raw, label in zip(published["label_raw"], published["label"], strict=True):
        np.testing.assert_array_equal(table.decode(raw, source="reference"), label)


@pytest.mark.oracle
def test_inputs_and_labels(published: Published) -> None:
    rules = published.rules()
    data = published.data(rules)
    for row in range(len(data)):
        np.testing.assert_array_equal(data.dataset[row].label.numpy(), published["label_scored"][row])
    network = published.network()  # compares the inputs
    published.task(rules).evaluate(network, data, published.config(rules), device=CPU)


@pytest.mark.oracle
def test_scores_and_predictions_of_frame_and_mirror_image(published: Published) -> None:
    rules = published.rules()
    data, config = published.data(rules), published.config(rules)
    batch = collate_parsing([data.dataset[row] for row in range(len(data))], len(data))
    scores = class_scores(published.network(), batch, config, CPU, protocol=rules)
    expected = torch.from_numpy(published["flip/scores_of_first"])
    torch.testing.assert_close(scores[0], expected, rtol=2e-5, atol=1e-5)
    predicted = np.stack(
        [
            whole_prediction(scores[place], batch.regions[place], batch.labels[place], "x").numpy()
            for place in range(len(data))
        ]
    )
    assert (predicted != published["flip/prediction"]).mean() <= PIXELS


@pytest.mark.oracle
def test_all_figures(published: Published) -> None:
    rules = published.rules()
    task, config, data = published.task(rules), published.config(rules), published.data(rules)
    assert_scores(task.evaluate(published.network(), data, config, device=CPU), published, "flip")
    # by which the authors choose their best epoch
    assert_scores(task.evaluate_epoch(published.network(), data, config, device=CPU), published, "validate")
    single = published.rules(mirror_averaging=False)
    found = published.task(single).evaluate(published.network(), data, published.config(single), device=CPU)
    assert_scores(found, published, "single")


def test_interpolated_labels_by_hand() -> None:
    """Between class 2 and class 6, published labels of RGB pass through 3, 4 and 5, whoever those are."""
    label = np.array([[2, 2, 6, 6]], np.uint8)
    assert set(resize_labels(label, (16, 4), "indices").ravel().tolist()) == {2, 3, 4, 5, 6}
    assert set(resize_labels(label, (16, 4), "nearest").ravel().tolist()) == {2, 6}
    for task, marked in (("depth_parsing", False), ("rgb_parsing", True)):
        protocol = get_task(task).record.protocol("published")
        assert ("interpolating class indices" in (protocol.error or "")) == marked
    assert get_task("rgb_parsing").record.protocol("native").error is None


def _batch(count: int = 2, size: int = 32) -> Any:
    from hcmoco_bench.data.framing import Region
    from hcmoco_bench.data.parsing import ParsingSample

    label = torch.zeros(40, 40, dtype=torch.uint8)
    depth = torch.rand(1, size, size) + 1
    sample = ParsingSample("a", None, depth, torch.tensor([1.0, 1.0, 0.0, 0.0]), label, Region(0, 0, 40, 40))
    return collate_parsing([sample] * count, count)


class Constant(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, image: Tensor, intrinsics: Tensor | None) -> Tensor:
        return self.logits.expand(len(image), -1, -1, -1)


@pytest.mark.parametrize("height", [0.0, 200.0])
def test_large_logits_do_not_overflow(height: float) -> None:
    """A common term of all logits changes no prediction, where the exponential itself would be infinite."""
    config = make_finetune_settings("depth_parsing", {"image_size": 32, "stores": ("x",)})
    batch = _batch()
    logits = 5 * torch.randn(1, 25, 8, 8, generator=torch.Generator().manual_seed(0))
    expected, found = (
        class_scores(Constant(logits + added), batch, config, CPU, protocol=PUBLISHED) for added in (0.0, height)
    )
    assert found.isfinite().all()
    assert found.shape == (2, 25, 32, 32)
    first, again = (whole_prediction(one[0], batch.regions[0], batch.labels[0], "a") for one in (expected, found))
    assert (first != again).float().mean() < 0.01


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_still_an_error(bad: float) -> None:
    config = make_finetune_settings("depth_parsing", {"image_size": 32, "stores": ("x",)})
    batch = _batch()
    logits = torch.zeros(1, 25, 8, 8)
    logits[0, 3, 4, 4] = bad
    scores = class_scores(Constant(logits), batch, config, CPU, protocol=PUBLISHED)
    with pytest.raises(DataError, match="nan or infinite"):
        whole_prediction(scores[0], batch.regions[0], batch.labels[0], "a")


def test_rules_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="input_resizing = opencv needs framing = stretch"):
        ParsingProtocol(**{**dict(PUBLISHED), "label_size": None, "framing": "fit"})
