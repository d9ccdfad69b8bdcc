"""Awkward annotations: what `verify` would refuse is a counted problem line of `prepare`, never a row."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.keypoints import KeypointMetric
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.sources.densepose.annotations import read_annotations as read_densepose
from hcmoco_bench.store.kinds.keypoints import KEYPOINTS
from hcmoco_bench.store.verify import verify_store

ANNOTATIONS = "annotations/person_keypoints_train2017.json"
COCO_NAMES = [name.replace(" ", "_") for name in joint_set("coco17").joints]
HUMAN36M_NAMES = list(joint_set("h36m17").joints)


@pytest.fixture
def coco(generated_coco: Path, tmp_path: Path) -> Path:
    root = tmp_path / "coco"
    shutil.copytree(generated_coco, root)
    return root


def change(root: Path, how: Callable[[dict[str, Any]], None]) -> None:
    path = root / ANNOTATIONS
    content = json.loads(path.read_text())
    how(content)
    path.write_text(json.dumps(content))


def somebody(content: dict[str, Any], **fields: Any) -> None:
    """Add a copy of the first person with other fields."""
    person = copy.deepcopy(next(one for one in content["annotations"] if one["num_keypoints"]))
    person["id"] = 1 + max(one["id"] for one in content["annotations"])
    content["annotations"].append(person | fields)


def outside(content: dict[str, Any], x: float) -> list[float]:
    keypoints = list(next(one for one in content["annotations"] if one["num_keypoints"])["keypoints"])
    return [x, x, 2, *keypoints[3:]]


PEOPLE: dict[str, Callable[[dict[str, Any]], None]] = {
    "an id that comes twice": lambda c: somebody(c, id=c["annotations"][0]["id"]),
    "an id that comes twice, once as a crowd": lambda c: somebody(c, id=c["annotations"][0]["id"], iscrowd=1),
    "a joint far outside": lambda c: somebody(c, keypoints=outside(c, 99_999)),
    "a joint beyond all numbers": lambda c: somebody(c, keypoints=outside(c, 1e300)),
    "a joint that is none": lambda c: somebody(c, keypoints=outside(c, float("nan"))),
    "a joint a little outside": lambda c: somebody(c, keypoints=outside(c, -3)),
    "few numbers": lambda c: somebody(c, keypoints=[1, 2, 2]),
    "no keypoints": lambda c: somebody(c, keypoints=None),
    "nobody": lambda c: somebody(c, keypoints=[0] * 51, num_keypoints=0),
    "nobody in a box that is none": lambda c: somebody(c, keypoints=[0] * 51, bbox=[0, 0, float("inf"), 1]),
    "a box outside": lambda c: somebody(c, bbox=[-500, -500, 40, 40]),
    "a box without area": lambda c: somebody(c, bbox=[10, 10, 0, 40]),
    "a box too small to state": lambda c: somebody(c, bbox=[10, 10, 1e-46, 1e-46]),
    "no box": lambda c: somebody(c, bbox=None),
    "an area that is none": lambda c: somebody(c, area=float("inf")),
    "an area below 0": lambda c: somebody(c, area=-5),
    "an area of text": lambda c: somebody(c, area="large"),
    "an unknown image": lambda c: somebody(c, image_id=10**9),
    "a number of an image with a point": lambda c: somebody(c, image_id=float(c["annotations"][0]["image_id"])),
    "a visibility of 7": lambda c: somebody(c, keypoints=[1, 1, 7] * 17),
}


@pytest.mark.parametrize("awkward", PEOPLE)
def test_a_fresh_store_is_never_rejected(awkward: str, coco: Path, tmp_path: Path) -> None:
    before = prepare_keypoints("coco", coco, tmp_path / "before").store
    change(coco, PEOPLE[awkward])
    after = prepare_keypoints("coco", coco, tmp_path / "after").store
    found = verify_store(after.path)
    assert found.failures == ()
    # Nobody else is lost: the added person is in the store, or has a line (a crowd whose id comes twice has two).
    people = after.manifest.splits["train"].people - before.manifest.splits["train"].people
    lines = sum(after.manifest.problems.values()) - sum(before.manifest.problems.values())
    assert people in (0, 1)
    assert people + lines == (2 if "as a crowd" in awkward else 1)


def copy_of(root: Path, content: dict[str, Any], name: str) -> None:
    """Add the first image again under another name, with a person of its own."""
    first = content["images"][0]
    target = root / "train2017" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(root / "train2017" / first["file_name"], target)
    number = 1 + max(image["id"] for image in content["images"])
    content["images"].append(first | {"id": number, "file_name": name})
    somebody(content, image_id=number)


@pytest.mark.parametrize("name", ["b/{stem}.jpg", "{stem}.png", "{stem}.JPG", "b\\{stem}.jpg"])
def test_images_of_one_stem(name: str, coco: Path, tmp_path: Path) -> None:
    def twice(content: dict[str, Any]) -> None:
        stem = Path(content["images"][0]["file_name"]).stem
        copy_of(coco, content, name.format(stem=stem).replace("\\", "/"))
        content["images"][-1]["file_name"] = name.format(stem=stem)

    change(coco, twice)
    store = prepare_keypoints("coco", coco, tmp_path / "out").store
    assert verify_store(store.path).failures == ()
    assert store.manifest.problems["name_repeated"] == 1


OUTSIDE = {
    "up": "../../secret.jpg",
    "up and down": "a/../../../secret.jpg",
    "up as Windows writes it": "..\\..\\secret.jpg",
    "absolute": "{outside}/secret.jpg",
    "a drive": "C:\\data\\secret.jpg",
    "a drive's folder": "c:secret.jpg",
    "a share": "\\\\server\\share\\secret.jpg",
    "a root of Windows": "\\secret.jpg",
    "a zero": "secret\0.jpg",
}


def secret(root: Path, name: str) -> str:
    """Put a whole image outside of the data set's folder; returns the name."""
    image = next((root / "train2017").glob("*.jpg"))
    place = root.parent / "outside"
    place.mkdir()
    for target in (place / "secret.jpg", root.parent / "secret.jpg"):
        shutil.copy(image, target)
    (root / "train2017" / "a").mkdir()
    (root / "train2014").symlink_to(root / "train2017")  # where DensePose has its images
    return OUTSIDE[name].format(outside=place)


@pytest.mark.parametrize("way", OUTSIDE)
def test_annotations_open_no_file_outside_of_their_folder(
    way: str, coco: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = secret(coco, way)

    def add(content: dict[str, Any]) -> None:
        number = 1 + max(image["id"] for image in content["images"])
        content["images"].append(content["images"][0] | {"id": number, "file_name": name})
        somebody(content, image_id=number)

    change(coco, add)
    opened: list[Path] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: (opened.append(self), read_bytes(self))[1])
    store = prepare_keypoints("coco", coco, tmp_path / "out").store
    assert store.manifest.problems["path_outside"] == 1
    assert verify_store(store.path).failures == ()
    assert not [path for path in opened if "secret" in str(path)]

    densepose = read_densepose(coco / ANNOTATIONS, coco)
    assert [problem.kind for problem in densepose.problems].count("path_outside") == 1
    assert not [image for image in densepose.images + densepose.others if "secret" in str(image.path)]


def test_links_of_whoever_keeps_the_data_are_followed(coco: Path, tmp_path: Path) -> None:
    before = prepare_keypoints("coco", coco, tmp_path / "before").store
    for number, image in enumerate(sorted((coco / "train2017").glob("*.jpg"))):
        image.rename(tmp_path / f"{number}.jpg")
        image.symlink_to(tmp_path / f"{number}.jpg")
    (coco / "val2017").rename(tmp_path / "val")
    (coco / "val2017").symlink_to(tmp_path / "val")
    after = prepare_keypoints("coco", coco, tmp_path / "after").store
    assert after.manifest.shards == before.manifest.shards


def test_mpii_opens_no_file_outside_of_its_folder(photograph_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "data" / "mpii"
    shutil.copytree(photograph_root, root)
    shutil.copy(next((root / "images").glob("*.jpg")), tmp_path / "data" / "secret.jpg")
    path = next(root.rglob("train.json"), None) or next(root.glob("*.json"))
    entries = json.loads(path.read_text())
    entries += [entries[0] | {"image": "../../secret.jpg"}, entries[0] | {"image": str(tmp_path / "data/secret.jpg")}]
    entries += [entries[0] | {"image": "b/0.jpg"}]
    path.write_text(json.dumps(entries))
    store = prepare_keypoints("mpii", root, tmp_path / "out").store
    assert (store.manifest.problems["path_outside"], store.manifest.problems["name_repeated"]) == (2, 1)
    assert verify_store(store.path).failures == ()


def test_a_folder_of_images_may_be_a_link(coco: Path, tmp_path: Path) -> None:
    (coco / "train2017").rename(tmp_path / "elsewhere")
    (coco / "train2017").symlink_to(tmp_path / "elsewhere")
    store = prepare_keypoints("coco", coco, tmp_path / "out").store
    assert "path_outside" not in store.manifest.problems
    assert store.manifest.splits["train"].people


def declare(root: Path, names: list[str] | None) -> None:
    def set_names(content: dict[str, Any]) -> None:
        category = content["categories"][0]
        category.pop("keypoints")
        if names is not None:
            category["keypoints"] = names

    change(root, set_names)


@pytest.mark.parametrize(
    "names", [None, [name.replace("_", " ") for name in COCO_NAMES], [n.upper() for n in COCO_NAMES]]
)
def test_names_as_coco_has_them_or_none(names: list[str] | None, coco: Path, tmp_path: Path) -> None:
    prepare_keypoints("coco", coco, tmp_path / "plain")
    declare(coco, names)
    prepare_keypoints("coco", coco, tmp_path / "named")
    assert rows(tmp_path / "named") == rows(tmp_path / "plain")
    KeypointMetric(coco / ANNOTATIONS)


def rows(store: Path) -> list[Any]:
    return [row["people"] for row in KEYPOINTS.open(store).rows("train")]


def test_names_in_another_order_are_sorted(coco: Path, tmp_path: Path) -> None:
    prepare_keypoints("coco", coco, tmp_path / "plain")
    order = list(range(16, -1, -1))

    def turn(content: dict[str, Any]) -> None:
        content["categories"][0]["keypoints"] = [COCO_NAMES[i] for i in order]
        for person in content["annotations"]:
            points = [person["keypoints"][3 * i : 3 * i + 3] for i in range(17)]
            person["keypoints"] = [number for i in order for number in points[i]]

    change(coco, turn)
    prepare_keypoints("coco", coco, tmp_path / "turned")
    assert rows(tmp_path / "turned") == rows(tmp_path / "plain")
    with pytest.raises(DataError, match="another order") as caught:
        KeypointMetric(coco / ANNOTATIONS)
    assert caught.value.kind == "joints_differ"


POSETRACK_NAMES = ["nose", "head_bottom", "head_top", *COCO_NAMES[3:]]


@pytest.mark.parametrize("names", [HUMAN36M_NAMES, POSETRACK_NAMES, COCO_NAMES[:-1], [*COCO_NAMES, "neck"]])
def test_other_joints_are_refused_by_name(names: list[str], coco: Path, tmp_path: Path) -> None:
    declare(coco, names)
    for read in (lambda: prepare_keypoints("coco", coco, tmp_path / "out"), lambda: KeypointMetric(coco / ANNOTATIONS)):
        with pytest.raises(DataError, match="keypoints that are not those of coco17") as caught:
            read()
        assert (caught.value.kind, caught.value.file) == ("joints_differ", str(coco / ANNOTATIONS))
    assert not (tmp_path / "out" / "manifest.json").exists()
