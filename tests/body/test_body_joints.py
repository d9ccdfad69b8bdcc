from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from hcmoco_bench.body import JointSet, joint_mapping, joint_set
from hcmoco_bench.errors import LabelError

SIZES = {
    "kinect25": 25,
    "mpii16": 16,
    "shared13": 13,
    "coco17": 17,
    "itop15": 15,
    "h36m17": 17,
    "lsp14": 14,
    "smpl24": 24,
    "h36m32": 32,
}
MAPPINGS = [("kinect25", "mpii16"), ("kinect25", "shared13"), ("coco17", "shared13"), ("h36m17", "lsp14")]
SIDES = {"left": "right", "right": "left"}


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_sets_are_connected_and_flips_swap_sides_and_undo_themselves(name: str, size: int) -> None:
    joints = joint_set(name)
    assert len(joints) == len(joints.joints) == size
    assert np.array_equal(joints.flip[joints.flip], np.arange(size))
    for joint, other in zip(joints.joints, np.array(joints.joints)[joints.flip], strict=True):
        assert other == " ".join(SIDES.get(word, word) for word in joint.split())
    reached = {joints.edges[0][0]}
    for _ in range(size):
        reached |= {b for pair in joints.edges for a, b in (pair, pair[::-1]) if a in reached}
    # COCO's skeleton has no joint between shoulders and head.
    expected = set(range(size)) if name != "coco17" else reached
    assert reached == expected


@pytest.mark.parametrize("name", SIZES)
def test_edges_mirror_onto_edges(name: str) -> None:
    joints = joint_set(name)
    edges = {frozenset(edge) for edge in joints.edges}
    flip = joints.flip
    assert {frozenset((int(flip[a]), int(flip[b]))) for a, b in joints.edges} == edges


@pytest.mark.parametrize(
    ("source", "target", "published"),
    [
        ("kinect25", "mpii16", "14 13 12 16 17 18 0 1 2 3 6 5 4 8 9 10"),
        ("kinect25", "shared13", "14 13 12 16 17 18 3 6 5 4 8 9 10"),
        # SPIN's H36M_TO_J14 (6 5 4 1 2 3 16 15 14 11 12 13 8 10), whose Human3.6M joints have the left leg first.
        ("h36m17", "lsp14", "3 2 1 4 5 6 16 15 14 11 12 13 8 10"),
        ("coco17", "shared13", "16 14 12 11 13 15 0 10 8 6 5 7 9"),
    ],
)
def test_mappings_are_the_published_ones(source: str, target: str, published: str) -> None:
    assert joint_mapping(source, target).tolist() == [int(i) for i in published.split()]


@pytest.mark.parametrize("target", ["mpii16", "shared13"])
def test_kinect_mappings_swap_sides_because_frames_are_mirrored(target: str) -> None:
    names = np.array(joint_set("kinect25").joints)[joint_mapping("kinect25", target)]
    for kinect, mapped in zip(names, joint_set(target).joints, strict=True):
        side = next((word for word in mapped.split() if word in SIDES), None)
        assert side is None or kinect.split()[0] == SIDES[side]


def test_mapping_commutes_with_flipping() -> None:
    for source, target in MAPPINGS:
        mapping = joint_mapping(source, target)
        assert np.array_equal(joint_set(source).flip[mapping], mapping[joint_set(target).flip])


def test_unknown_names_are_errors_that_list_the_known_ones() -> None:
    with pytest.raises(LabelError, match=r"'coco18'.*kinect25"):
        joint_set("coco18")
    with pytest.raises(LabelError, match=r"'tail'.*spine base"):
        joint_set("kinect25").index("tail")
    with pytest.raises(LabelError, match=r"itop15 -> coco17.*kinect25 -> mpii16"):
        joint_mapping("itop15", "coco17")
    assert joint_set("kinect25").index("spine shoulder") == 20


@pytest.mark.parametrize(
    "wrong", [{"joints": ("a", "a")}, {"edges": ((0, 2),)}, {"partners": ((-1, 0),)}, {"color": "red"}]
)
def test_sets_that_contradict_themselves_are_refused(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"name": "x", "source": "y", "joints": ("a", "b"), "edges": ((0, 1),), "partners": ()}
    JointSet.model_validate(good)
    with pytest.raises(ValidationError):
        JointSet.model_validate(good | wrong)


@pytest.mark.parametrize("name", SIZES)
def test_groups_and_sigmas_are_the_same_on_both_sides(name: str) -> None:
    joints = joint_set(name)
    for group in joints.groups.values():
        assert set(joints.flip[list(group)]) == set(group)
    assert joints.sigmas == tuple(joints.sigmas[i] for i in joints.flip if joints.sigmas)


def test_itops_halves_leave_out_the_torso() -> None:
    joints = joint_set("itop15")
    halves = [{joints.joints[i] for i in joints.groups[name]} for name in ("upper", "lower")]
    assert not halves[0] & halves[1]
    assert set(joints.joints) - halves[0] - halves[1] == {"torso"}
    assert {"right foot", "left hip"} < halves[1]


@pytest.mark.parametrize("changes", [{"groups": {"all": (0, 25)}}, {"sigmas": (0.1,)}, {"sigmas": (0.0,) * 25}])
def test_groups_and_sigmas_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JointSet.model_validate(joint_set("kinect25").model_dump() | changes)
