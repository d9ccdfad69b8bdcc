"""Statistics of skeletons against ones made by hand; knees and elbows that bend the wrong way; distances to a prior."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.rotation_matrices import about
from hcmoco_bench.priors.checks import bone_lengths, skeleton_faults
from hcmoco_bench.priors.comparison import compare_with_prior
from hcmoco_bench.priors.hinges import HINGES, hinges
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.statistics import bone_names, bone_shares, skeleton_statistics, thigh_bends, trunk_pitch

NAMES = joint_set("h36m17")


def at(joints: np.ndarray, name: str) -> np.ndarray:
    return joints[:, NAMES.index(name)]


def bend(joints: np.ndarray, hinge: str, degrees: float) -> np.ndarray:
    """Turn the lower limb about the body's left-right axis; positive brings a hanging limb's end to the back."""
    side, kind = hinge.split()
    start, end = ("knee", "ankle") if kind == "knee" else ("elbow", "wrist")
    bent = joints.copy()
    limb = at(joints, f"{side} {end}") - at(joints, f"{side} {start}")
    bent[:, NAMES.index(f"{side} {end}")] = at(joints, f"{side} {start}") + limb @ about(0, np.radians(degrees)).T
    return bent


def test_hanging_limbs_flex_the_right_way_alone(standing: np.ndarray) -> None:
    """In the camera's axes, who faces the camera has the back at larger z."""
    for column, hinge in enumerate(HINGES):
        back, ahead = bend(standing, hinge, 60), bend(standing, hinge, -60)
        end = f"{hinge.split()[0]} {'ankle' if 'knee' in hinge else 'wrist'}"
        assert at(back, end)[0, 2] > 0.1 > at(ahead, end)[0, 2]
        right, wrong = (back, ahead) if "knee" in hinge else (ahead, back)
        for joints, expected in ((right, False), (wrong, True)):
            found = hinges(joints)
            assert found.flexion[0, column] == pytest.approx(60)
            assert found.wrong_way[0].tolist() == [expected and name == hinge for name in HINGES]
            assert found.known[0].tolist() == [name == hinge for name in HINGES], "straight limbs say nothing"


def test_sitting_and_a_raised_forearm_are_right(standing: np.ndarray) -> None:
    sitting = standing.copy()
    for side in ("left", "right"):
        knee = NAMES.index(f"{side} knee")
        sitting[:, knee] = at(standing, f"{side} hip") + np.array([0, 0, -0.42])
        sitting[:, knee + 1] = sitting[:, knee] + [0, 0.42, 0]
        elbow = NAMES.index(f"{side} elbow")
        sitting[:, elbow] = at(standing, f"{side} shoulder") + np.array([0.3 if side == "left" else -0.3, 0, 0])
        sitting[:, elbow + 1] = sitting[:, elbow] + [0, -0.25, 0]
    found = hinges(sitting)
    np.testing.assert_allclose(found.flexion, 90)
    assert not found.wrong_way.any()
    assert thigh_bends(sitting)[0] == pytest.approx(90)
    # Shins up in the air in front of the thighs are no person's.
    for side in ("left", "right"):
        knee = NAMES.index(f"{side} knee")
        sitting[:, knee + 1] = sitting[:, knee] + [0, -0.42, 0]
    assert hinges(sitting).wrong_way[0, :2].all()


def test_arms_overhead_are_not_judged(standing: np.ndarray) -> None:
    raised = standing.copy()
    for side in ("left", "right"):
        elbow = NAMES.index(f"{side} elbow")
        raised[:, elbow] = at(standing, f"{side} shoulder") + np.array([0, -0.3, 0])
        raised[:, elbow + 1] = raised[:, elbow] + [0, 0, 0.25]
    found = hinges(raised)
    assert not found.known[0, 2:].any()
    assert np.isfinite(found.flexion).all()


def test_a_mirrored_body_bends_the_wrong_way_until_its_sides_are_swapped(prior: SkeletonPrior) -> None:
    mirrored = prior.joints * [-1, 1, 1]
    found = skeleton_statistics(mirrored)
    assert found.wrong_way > 0.8
    swapped = skeleton_statistics(mirrored[:, NAMES.flip])
    real = skeleton_statistics(prior.joints)
    assert swapped.wrong_way == pytest.approx(real.wrong_way, abs=1e-6)
    assert real.wrong_way < 0.002
    noise = np.random.default_rng(0).normal(size=(400, 17, 3))
    assert skeleton_statistics(noise).wrong_way > 0.2


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.tuples(*[st.floats(-180, 180)] * 3))
def test_size_and_place_do_not_matter_nor_views_for_bodies(
    prior: SkeletonPrior, size: float, angles: tuple[float, ...]
) -> None:
    turn = about(0, np.radians(angles[0])) @ about(1, np.radians(angles[1])) @ about(2, np.radians(angles[2]))
    some = prior.joints[::12].astype(np.float64)
    moved = size * some @ turn.T + [3, -1, 5]
    np.testing.assert_allclose(bone_shares(moved), bone_shares(some), atol=1e-6)
    np.testing.assert_allclose(thigh_bends(moved), thigh_bends(some), atol=1e-4)
    one, other = hinges(moved), hinges(some)
    np.testing.assert_allclose(one.flexion, other.flexion, atol=1e-3)
    one, other = skeleton_statistics(moved), skeleton_statistics(some)
    assert (one.wrong_way, one.bent_thighs) == pytest.approx((other.wrong_way, other.bent_thighs), abs=0.02)


def test_figures_of_a_skeleton_made_by_hand(standing: np.ndarray) -> None:
    found = skeleton_statistics(standing)
    lengths = bone_lengths(standing)[0]
    assert lengths[:3] == pytest.approx([0.12, 0.42, 0.42])
    assert [bone.mean for bone in found.bones] == pytest.approx((lengths / lengths.sum()).tolist())
    assert bone_names()[:2] == ("root - right hip", "right hip - right knee")
    assert found.bodies is None
    assert (found.skeletons, found.left_out, found.asymmetry) == (1, 0, pytest.approx(0, abs=1e-12))
    assert (found.bent_thighs, found.wrong_way, found.overbent, found.upside_down) == (0, 0, 0, 0)
    assert found.pitch == pytest.approx(0)
    assert all(bone.between_bodies is None and bone.within_bodies is None for bone in found.bones)


def test_asymmetry_is_the_difference_over_the_mean(standing: np.ndarray) -> None:
    uneven = standing.copy()
    uneven[:, NAMES.index("left wrist")] += [0, 0.05, 0]  # 0.30 against 0.25
    found = skeleton_statistics(uneven)
    expected = 0.05 / 0.275
    forearms = [bone for bone in found.bones if "wrist" in bone.name]
    assert [bone.asymmetry for bone in forearms] == pytest.approx([expected, expected])
    assert found.asymmetry == pytest.approx(2 * expected / 12)
    assert [bone.name for bone in found.bones if bone.asymmetry is None] == [
        "root - belly",
        "belly - neck",
        "neck - nose",
        "nose - head",
    ]


def test_deviation_between_and_within_bodies(standing: np.ndarray) -> None:
    tall = standing.copy()
    for joint in ("knee", "ankle"):
        for side in ("left", "right"):
            tall[:, NAMES.index(f"{side} {joint}")] += [0, 0.1, 0]
    joints = np.concatenate([standing, standing, tall, tall])
    found = skeleton_statistics(joints, body=np.array([4, 4, 9, 9]))
    thigh = next(bone for bone in found.bones if bone.name == "right hip - right knee")
    shares = bone_shares(joints)[:, 1]
    assert found.bodies == 2
    assert thigh.between_bodies == pytest.approx(np.std(shares[[0, 2]]))
    assert thigh.within_bodies == pytest.approx(0, abs=1e-12)
    mixed = skeleton_statistics(joints, body=np.array([4, 9, 4, 9]))
    thigh = next(bone for bone in mixed.bones if bone.name == "right hip - right knee")
    assert thigh.between_bodies == pytest.approx(0, abs=1e-12)
    assert thigh.within_bodies == pytest.approx(shares.std())


def test_pitch_is_that_of_the_mean_trunk(standing: np.ndarray) -> None:
    down = np.radians(20)
    # A camera that looks down by 20 degrees sees what is up come nearer.
    seen = standing @ about(0, down).T
    assert trunk_pitch(seen) == pytest.approx(20)
    assert at(seen, "neck")[0, 2] < 0
    assert trunk_pitch(np.concatenate([seen, standing])) == pytest.approx(10)
    assert skeleton_statistics(-standing).upside_down == 1


def test_what_cannot_be_measured_is_left_out(standing: np.ndarray) -> None:
    bad = np.concatenate([standing, standing * np.nan, standing * 0, standing + np.inf])
    found = skeleton_statistics(bad, body=np.arange(4))
    assert (found.skeletons, found.left_out, found.bodies) == (1, 3, 1)
    with pytest.raises(ValueError, match="none of 3"):
        skeleton_statistics(bad[1:])
    with pytest.raises(ValueError, match=r"\(N, 17, 3\)"):
        skeleton_statistics(standing.reshape(1, 51))
    with pytest.raises(ValueError, match="bodies"):
        skeleton_statistics(standing, body=np.arange(2))
    assert skeleton_faults(bad, metric=True)[0] is None
    assert all(skeleton_faults(bad, metric=True)[1:])


def test_distances_tell_the_same_kind_from_others(prior: SkeletonPrior) -> None:
    half = prior.body < 3
    first = SkeletonPrior.of(prior.joints[half], prior.body[half], metric=True, source="half")
    alike = compare_with_prior(prior.joints[~half] * 1000 + 7, first)
    mirrored = compare_with_prior(prior.joints[~half] * [-1, 1, 1], first)
    noise = compare_with_prior(np.random.default_rng(0).normal(size=(50, 17, 3)), first)
    assert alike.skeletons == 120
    assert alike.nearest_cm < 1.3 * alike.prior_nearest_cm
    assert alike.nearest_cm < mirrored.nearest_cm < noise.nearest_cm
    assert mirrored.bone_distance == pytest.approx(alike.bone_distance, abs=0.05)
    assert noise.bone_distance > 10 * alike.bone_distance
    itself = compare_with_prior(first.joints, first)
    assert itself.nearest_cm == pytest.approx(0, abs=1e-4)
    assert max(itself.bones.values()) == pytest.approx(0, abs=1e-6)


def test_distances_made_by_hand(standing: np.ndarray) -> None:
    moved = standing.copy()
    moved[:, NAMES.index("head")] += [0, 0, 1e-3]
    real = SkeletonPrior.of(np.concatenate([standing, -standing]), np.array([0, 0]), metric=True, source="two")
    found = compare_with_prior(moved, real)
    scale, other = 4 / bone_lengths(standing).sum(), 4 / bone_lengths(moved).sum()
    apart = np.linalg.norm(other * moved - scale * standing, axis=-1)[0, 1:].mean()
    assert found.nearest_cm == pytest.approx(100 * apart, rel=1e-4)
    # The other skeleton is this one upside down: every joint moves to its opposite.
    apart = 2 * np.linalg.norm(standing[0, 1:], axis=-1).mean() * scale * 100
    assert found.prior_nearest_cm == pytest.approx(apart, rel=1e-6)


def test_what_cannot_be_compared(standing: np.ndarray, prior: SkeletonPrior) -> None:
    with pytest.raises(ValueError, match="none of 1"):
        compare_with_prior(standing * 0, prior)
    one = SkeletonPrior.of(standing, np.zeros(1, int), metric=True, source="one")
    with pytest.raises(ValueError, match="one skeleton"):
        compare_with_prior(standing, one)
