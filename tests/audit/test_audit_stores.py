"""Stores: shared names are those of a plain count, planted copies are found, and nothing is invented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from audit_stores import Row, as_pretraining, changed_store, encoded_anew, renamed

from hcmoco_bench.audit.audit import audit_paths
from hcmoco_bench.audit.findings import Audit, Comparison
from hcmoco_bench.store.registry import open_store


def of(found: Audit, first: str, second: str) -> Comparison:
    (one,) = [one for one in found.comparisons if (one.first, one.second) == (first, second)]
    return one


def moved(sample_id: str) -> str:
    name: str = renamed({"sample_id": sample_id}, setup=30, performer=100)["sample_id"]
    return name


def person(sample_id: str) -> str:
    return f"{sample_id[8:12]} of {sample_id[:4]}"


def test_shared_names_are_those_of_a_plain_count(
    parsing_store: Path, train_ids: tuple[str, ...], test_ids: tuple[str, ...]
) -> None:
    one = of(audit_paths([parsing_store]), "training", "test")
    assert one.samples is not None
    assert one.clips is not None
    assert one.people is not None
    clips = sorted({name[:20] for name in train_ids} & {name[:20] for name in test_ids})
    people = sorted({person(name) for name in train_ids} & {person(name) for name in test_ids})
    assert one.samples.names == ()
    assert list(one.clips.names) == clips
    assert one.clips.noun == "clips"
    assert list(one.people.names) == people
    assert one.people.noun == "performers"
    assert one.people.second_samples == sum(person(name) in people for name in test_ids)
    assert one.people.first_samples == sum(person(name) in people for name in train_ids)
    assert one.duplicates is not None
    assert one.duplicates.pairs == 0
    assert one.duplicates.compared == (len(train_ids), len(test_ids))


def test_unlabeled_frames_of_the_same_clips_share_all_of_them(
    parsing_store: Path, unlabeled_store: Path, test_ids: tuple[str, ...]
) -> None:
    found = audit_paths([parsing_store, unlabeled_store])
    one = of(found, "pre-training", "test")
    assert one.leaks
    assert one.clips is not None
    assert one.duplicates is not None
    assert list(one.clips.names) == sorted({name[:20] for name in test_ids})
    assert one.duplicates.pairs == 0
    assert one.duplicates.within_clips > 0
    assert not of(found, "pre-training", "training").leaks


def test_a_planted_clip_and_a_planted_performer_are_found(
    parsing_store: Path, tmp_path: Path, train_ids: tuple[str, ...], test_ids: tuple[str, ...]
) -> None:
    def people_apart(row: Row) -> Row:
        return renamed(row, performer=300) if row["sample_id"] in train_ids else row

    clean = changed_store(parsing_store, tmp_path / "clean", people_apart)
    assert audit_paths([clean], images=False).leaks == ()

    # The first training frame takes the name of a test performer in another clip, then of a test clip.
    for frame, clips, people in ((f"{test_ids[0][:12]}R009A099F001", 0, 1), (f"{test_ids[0][:20]}F999", 1, 1)):

        def plant(row: Row, frame: str = frame) -> Row:
            return row | {"sample_id": frame} if row["sample_id"] == train_ids[0] else people_apart(row)

        store = changed_store(parsing_store, tmp_path / frame, plant)
        one = of(audit_paths([store], images=False), "training", "test")
        assert one.clips is not None
        assert one.people is not None
        assert (len(one.clips.names), len(one.people.names)) == (clips, people)
        assert one.people.names == (person(test_ids[0]),)


@pytest.mark.parametrize(
    ("mirrored", "cut"), [(False, 0), (True, 0), (False, 9)], ids=["encoded anew", "mirrored", "cropped"]
)
def test_copies_under_other_names_in_another_store_are_found(
    parsing_store: Path, tmp_path: Path, test_ids: tuple[str, ...], mirrored: bool, cut: int
) -> None:
    def copied(row: Row) -> Row:
        return renamed(encoded_anew(row, mirrored=mirrored, cut=cut), setup=30, performer=100)

    copy = as_pretraining(parsing_store, tmp_path / "copy", copied, seed=12345)
    one = of(audit_paths([parsing_store, copy]), "pre-training", "test")
    assert (one.names, one.clips) == ("different", None)
    assert one.duplicates is not None
    assert one.duplicates.view == "person"
    assert one.duplicates.frames == len(test_ids)
    found = {(pair.first, pair.second): pair for pair in one.duplicates.named}
    for name in test_ids:
        assert found[moved(name), name].mirrored == mirrored
    assert all(first[:20] == moved(second)[:20] for first, second in found)
    assert one.leaks
    assert ("near-duplicate frames (pairs)", one.duplicates.pairs, True) in one.found()


def test_copies_in_a_store_without_depth_are_found_by_the_whole_image(
    parsing_store: Path, tmp_path: Path, test_ids: tuple[str, ...]
) -> None:
    def copied(row: Row) -> Row:
        return renamed(encoded_anew(row) | {"depth": None}, setup=30, performer=100)

    copy = as_pretraining(parsing_store, tmp_path / "copy", copied, seed=12345)
    values = json.loads((copy / "manifest.json").read_text())
    values["options"]["rgb_only"] = True
    (copy / "manifest.json").write_text(json.dumps(values))
    one = of(audit_paths([parsing_store, copy]), "pre-training", "test")
    assert one.duplicates is not None
    assert one.duplicates.view == "whole"
    assert one.duplicates.frames == len(test_ids)
    found = {(pair.first, pair.second) for pair in one.duplicates.named}
    assert {(moved(name), name) for name in test_ids} <= found
    assert all(first[:20] == moved(second)[:20] for first, second in found)  # rooms of one rig are alike, people not


def test_nothing_is_found_in_a_tree_of_another_seed(parsing_store: Path, other_tree_store: Path) -> None:
    found = audit_paths([parsing_store, other_tree_store])
    for second in ("test", "training"):
        one = of(found, "pre-training", second)
        assert one.names == "different"
        assert one.clips is None
        assert one.people is None
        assert one.duplicates is not None
        assert one.duplicates.pairs == one.duplicates.within_clips == 0
    assert not any("pre-training" in leak for leak in found.leaks)
    assert found.problems == ()


def test_the_same_numbers_of_another_seed_are_other_people(
    parsing_store: Path, unlabeled_store: Path, tmp_path: Path
) -> None:
    people = {"generated_people": {"seed": 99, "recurring": False}}
    other = changed_store(unlabeled_store, tmp_path / "other", lambda row: row, manifest=people)
    one = of(audit_paths([parsing_store, other], images=False), "pre-training", "test")
    assert (one.names, one.samples, one.clips, one.people) == ("different", None, None, None)


def test_a_store_that_does_not_say_whose_people_it_shows_is_not_compared_by_name(
    parsing_store: Path, other_tree_store: Path, tmp_path: Path
) -> None:
    old = changed_store(other_tree_store, tmp_path / "old", lambda row: row, manifest={"generated_people": None})
    found = audit_paths([parsing_store, old], images=False)
    one = of(found, "pre-training", "test")
    assert one.names == "unknown"
    assert one.people is None
    assert {problem.kind for problem in found.problems} == {"people_unknown"}
    assert "2 people_unknown" in found.verdict()


def test_numbers_in_different_setups_of_unknown_people_are_said_and_not_taken_for_leaks(
    parsing_store: Path, tmp_path: Path, train_ids: tuple[str, ...]
) -> None:
    def apart(row: Row) -> Row:
        return renamed(row, setup=40) if row["sample_id"] in train_ids else row

    for people, kinds in ((None, ["people_unknown"]), ({"seed": 7, "recurring": False}, [])):
        store = tmp_path / f"store-{len(kinds)}"
        changed_store(parsing_store, store, apart, manifest={"generated_people": people})
        found = audit_paths([store], images=False)
        assert found.leaks == ()
        assert [problem.kind for problem in found.problems] == kinds


def test_recurring_performers_are_the_same_in_all_setups(
    parsing_store: Path, unlabeled_store: Path, tmp_path: Path
) -> None:
    people = {"generated_people": {"seed": 7, "recurring": True}}
    labeled = changed_store(parsing_store, tmp_path / "labeled", lambda row: row, manifest=people)
    moved = changed_store(unlabeled_store, tmp_path / "moved", lambda row: renamed(row, setup=40), manifest=people)
    one = of(audit_paths([labeled, moved], images=False), "pre-training", "test")
    assert one.clips is not None
    assert one.clips.names == ()
    assert one.people is not None
    assert one.people.names
    assert all(len(name) == 4 for name in one.people.names)
    for store in (labeled, moved):
        text = (store / "manifest.json").read_text().replace('"recurring": true', '"recurring": false')
        (store / "manifest.json").write_text(text)
    again = of(audit_paths([labeled, moved], images=False), "pre-training", "test")
    assert again.people is not None
    assert again.people.names == ()


def test_frames_are_limited_and_that_is_said(parsing_store: Path) -> None:
    found = audit_paths([parsing_store], frames=3)
    one = of(found, "training", "test")
    assert one.duplicates is not None
    assert one.duplicates.compared == (3, 3)
    assert "frames_not_compared" in {problem.kind for problem in found.problems}


def test_a_damaged_frame_is_counted(parsing_store: Path, tmp_path: Path) -> None:
    first = open_store(parsing_store).spread(1)[0]

    def harmed(row: Row) -> Row:
        return row | {"rgb": {"bytes": b"\xff\xd8 no", "path": "x"}} if row["sample_id"] == first else row

    found = audit_paths([changed_store(parsing_store, tmp_path / "harmed", harmed)])
    assert [problem.kind for problem in found.problems] == ["frames_not_compared"]
    assert "1 of 14 frames of" in found.problems[0].reason


def test_stores_prepared_of_generated_trees_say_whose_people_they_show(
    parsing_store: Path, other_tree_store: Path
) -> None:
    found = [open_store(store).manifest.generated_people for store in (parsing_store, other_tree_store)]
    assert [(one.seed, one.recurring) for one in found] == [(7, False), (11, False)]
