"""Settings of tasks: each declared in full and once, read from both forms, and refused where they do not belong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.runtime.settings import Bookkeeping, Location, describe_settings
from hcmoco_bench.tasks.core import make_settings
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.provenance import config_sha256
from hcmoco_bench.tasks.core.read_settings import checked_settings, read_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task, task_names
from hcmoco_bench.tasks.core.settings import FinetuneSettings, flat_settings, nested_settings

FINGERPRINTS = {
    "cross_modality": "9b27497b3a2f21d8243ae2e9f995ea33eb4400d9530cc5684b3837c10ea94340",
    "densepose": "aecdca57a98506e23aea731c851c63a3c6ce52874c0be8de2536f65221b8650d",
    "depth_parsing": "3b967dd3fccce74c705a254828638c3454b1b91784bfd568e8b0b8f49df4c23f",
    "itop_pose": "f4bc4920546abfa4deaa15aa9eee5f62f29025d81b1b3d1ae6b57ce917491f65",
    "missing_modality": "c3ca150f0e7f42860d26b75494ed6f4370e4569f66b70672f707ddc98bdc1df1",
    "pose2d": "2e04bd2110e10cceaa8efa19bdd00d7b2d758e74bb68a01e92bbb739e9e4ac95",
    "pose3d": "f196ffc14f16709273649bb24802dad03d10799f61150f9205f9ab611a9ea3c9",
    "rgb_parsing": "39f5e14b6ed0cdbee54a20426f5f198efdd28ebc751705e5de3436c81702e544",
    "shape": "89002812dc669eb5065cc195a0e84f3a7a1d5209d20d88e11f8b9e862b866e83",
}
"""Fingerprints of the defaults as the first version with each task computed them; results in the world hold them."""


@pytest.mark.parametrize("name", task_names())
def test_every_setting_has_a_meaning_a_type_a_default_and_a_flag(name: str) -> None:
    records = describe_settings(get_task(name).settings)
    assert {record.name for record in records} == set(get_task(name).settings.model_fields)
    for record in records:
        assert record.meaning.endswith("."), record.name
        assert record.meaning[0].isupper(), record.name
        assert record.type, record.name
        assert record.flag.startswith("--"), record.name
        assert record.section, record.name
        # trackers and milestones are empty lists; the task has to be named
        assert record.default or record.name in ("task", "stores", "trackers", "milestones"), record.name
    flags = [record.flag for record in records]
    assert len(set(flags)) == len(flags)


OWN_TASKS = [name for name in task_names() if type(get_task(name)).__module__.startswith("hcmoco_bench.")]
"""Without those that other installed packages register."""


@pytest.mark.parametrize(
    ("name", "setting", "full", "low"), [("rgb_parsing", "epochs", 50, 150), ("densepose", "lr", 0.01, 0.005)]
)
def test_few_labels_are_trained_as_the_paper_does(name: str, setting: str, full: float, low: float) -> None:
    found = [getattr(make_finetune_settings(name, {"ratio": ratio}), setting) for ratio in (1, 0.2, 0.001)]
    assert found == [full, low, low]
    given = make_finetune_settings(name, {"ratio": 0.2, setting: 7})
    assert getattr(given, setting) == 7
    # whoever builds the settings in Python gets the same, and what a run was saved with stays
    kind = get_task(name).settings
    assert getattr(kind(task=name, ratio=0.2), setting) == low
    saved = make_finetune_settings(name, {}).to_dict() | {"ratio": 0.2}
    assert getattr(make_finetune_settings(name, saved), setting) == full
    (record,) = (record for record in describe_settings(kind) if record.name == setting)
    assert record.default == record.paper == f"{full}; {low} if ratio < 1"
    helped = CliRunner().invoke(app, ["finetune", "--task", name, "--help"], env={"COLUMNS": "300", "TERM": "dumb"})
    assert f"{full}; {low} if ratio < 1" in " ".join(helped.output.split())


def test_defaults_of_few_labels_that_no_setting_has_are_refused() -> None:
    with pytest.raises(TypeError, match="low_data names epoch, which Wrong does not have"):

        class Wrong(FinetuneSettings):
            low_data = {"epoch": 3}  # noqa: RUF012


@pytest.mark.parametrize("name", OWN_TASKS)
def test_the_fingerprint_of_the_defaults_is_what_it_was(name: str) -> None:
    assert config_sha256(make_finetune_settings(name, {})) == FINGERPRINTS[name]


def test_places_and_bookkeeping_are_no_part_of_the_fingerprint() -> None:
    assert FinetuneSettings.marked(Location) == {"stores", "root", "ckpt", "seed"}
    assert FinetuneSettings.marked(Bookkeeping) == {
        "compile",
        "workers",
        "trackers",
        "log_every",
        "checkpoint_minutes",
        "checkpoint_every",
    }
    given = {"stores": ("elsewhere",), "seed": 7, "workers": 3, "trackers": ("tensorboard",), "log_every": 9}
    assert config_sha256(make_finetune_settings("depth_parsing", given)) == FINGERPRINTS["depth_parsing"]
    for other in ({"lr": 0.1}, {"lists": "v3"}, {"protocol": "published"}):
        assert config_sha256(make_finetune_settings("depth_parsing", other)) != FINGERPRINTS["depth_parsing"]


def test_on_disk_a_tasks_own_settings_stand_in_a_table_and_both_forms_open(tmp_path: Path) -> None:
    config = make_finetune_settings("depth_parsing", {"framing": "person", "lr": 0.5})
    plain = config.to_dict()
    assert plain["options"] == {
        "lists": "v2",
        "framing": "person",
        "class_weights": "auto",
        "encoding": "auto",
        "palette": None,
        "training_resizing": "centered",
    }
    assert plain["lr"] == 0.5
    assert set(plain) == {*FinetuneSettings.model_fields, "options"}
    for form in (plain, flat_settings(plain)):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(form), "utf-8")
        assert read_finetune_settings(path) == config
    assert nested_settings(flat_settings(plain)) == plain


def test_a_table_of_an_earlier_version_without_a_setting_takes_its_default() -> None:
    plain = make_finetune_settings("itop_pose", {"head_width": 16}).to_dict()
    del plain["options"]["augmentation"]
    del plain["sync_batch_norm"]
    found = checked_settings(get_task("itop_pose"), plain, "old.pth")
    assert found.to_dict()["options"] == {
        "boxes": None,
        "training_warp": "nearest",
        "head_width": 16,
        "augmentation": 1.0,
    }


def test_settings_can_be_given_by_name_by_dotted_name_and_as_a_table() -> None:
    forms: list[dict[str, Any]] = [{"lists": "v3"}, {"options.lists": "v3"}, {"options": {"lists": "v3"}}]
    found = [make_finetune_settings("rgb_parsing", form) for form in forms]
    assert found[0] == found[1] == found[2]
    assert found[0].to_dict()["options"]["lists"] == "v3"
    # what a user types wins over what a run was saved with
    resumed = make_finetune_settings("rgb_parsing", found[0].to_dict() | {"lists": "subjects", "ratio": 1})
    assert resumed.to_dict()["options"]["lists"] == "subjects"


@pytest.mark.parametrize(
    ("task", "given", "message"),
    [
        ("depth_parsing", {"framin": "person"}, "there is no setting 'framin'; did you mean framing"),
        ("depth_parsing", {"options": {"framin": "person"}}, "there is no setting 'framin'; did you mean framing"),
        ("depth_parsing", {"options.framin": "person"}, "there is no setting 'framin'; did you mean framing"),
        ("itop_pose", {"head_widt": 3}, "did you mean head_width"),
        (
            "itop_pose",
            {"framing": "person"},
            "framing is a setting of .*depth_parsing.*, not of itop_pose",
        ),
        ("depth_parsing", {"negatives": 3}, "negatives is a setting of cross_modality and missing_modality, not of"),
        ("cross_modality", {"only": "rgb"}, "only is a setting of missing_modality, not of cross_modality"),
        ("depth_parsing", {"task": "rgb_parsing"}, "they are of the task rgb_parsing; use --task rgb_parsing"),
        ("cross_modality", {"contrastive": "mmv"}, "cannot be trained beside labels; use cmc, hcmoco, none"),
        ("cross_modality", {"contrastive": "hcmocco"}, "did you mean hcmoco"),
        ("cross_modality", {"lists": "subjects"}, "lists: Input should be 'v2' or 'v3'"),
    ],
)
def test_what_does_not_belong_is_refused_with_what_there_is(task: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_finetune_settings(task, given)


def test_scoring_changes_settings_and_keeps_the_rest() -> None:
    trained = make_finetune_settings("depth_parsing", {"framing": "person", "lr": 0.5, "stores": ("a",)})
    changed = scoring_settings("depth_parsing", trained, {"stores": ["b"], "options.encoding": "raw"})
    assert changed == trained.replace(stores=("b",), encoding="raw")
    with pytest.raises(UsageError, match="framing=person goes with depth and a protocol that allows it"):
        scoring_settings("depth_parsing", trained, {"protocol": "published"})
    with pytest.raises(UsageError, match="only is a setting of missing_modality"):
        scoring_settings("depth_parsing", trained, {"only": "rgb"})


def test_a_file_that_is_no_fine_tuning_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"method": "hcmoco"}', "utf-8")
    with pytest.raises(UsageError, match="names no task"):
        read_finetune_settings(path)
    path.write_text('{"task": "depth_parsin"}', "utf-8")
    with pytest.raises(UsageError, match="did you mean depth_parsing"):
        read_finetune_settings(path)
    path.write_text("{", "utf-8")
    with pytest.raises(DataError, match="cannot be read as settings"):
        read_finetune_settings(path)


def test_marked_settings_of_a_task_are_no_part_of_its_fingerprint_either() -> None:
    class Own(FinetuneSettings):
        folder: Annotated[str, Location()] = ""
        """Folder of something."""
        size: int = Field(default=1, ge=1)
        """Size of something."""

    first = Own(task="own", folder="a")
    assert config_sha256(first) == config_sha256(Own(task="own", folder="b"))
    assert config_sha256(first) != config_sha256(Own(task="own", folder="a", size=2))


@pytest.mark.parametrize("form", [("--class-weights", "none"), ("--set", "class_weights=none")])
def test_none_is_a_word_where_a_setting_has_it_and_absence_elsewhere(
    form: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, Any] = {}

    def keep(task: str | None, given: dict[str, Any], **rest: Any) -> FinetuneSettings:
        found.update(given)
        raise UsageError("seen")

    monkeypatch.setattr(make_settings, "make_finetune_settings", keep)
    absent = ["--set", "choose=last", "--set", "clip=none"]
    CliRunner().invoke(app, ["finetune", "--task", "depth_parsing", *form, *absent])
    assert (found["class_weights"], found["clip"]) == ("none", None)


def test_none_from_python_is_no_word() -> None:
    with pytest.raises(UsageError, match="class_weights"):
        make_finetune_settings("depth_parsing", {"class_weights": None})
