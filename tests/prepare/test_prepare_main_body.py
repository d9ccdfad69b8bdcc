"""The main body is the person who moves, whatever the file's order and the tracker's ids."""

from __future__ import annotations

import numpy as np
import pytest
from prepare_raw_tree import PERSON, TRACKED, person, skeleton_text

from hcmoco_bench.prepare.main_body import find_tracks, order_bodies
from hcmoco_bench.sources.ntu.skeleton import Skeleton, parse_skeleton

INFERRED = np.full(25, 1)
N = 40


def phantom(frame: int) -> np.ndarray:
    """A chair: a body squeezed to a third, which trembles."""
    return PERSON * [1.5, 0.3, 1.0] + [0.8, -0.4, 2.5] + np.random.default_rng(frame).normal(0, 0.02, (25, 3))


def parse(frames: list[list[tuple[int, np.ndarray, np.ndarray]]]) -> Skeleton:
    return parse_skeleton(skeleton_text(frames).encode(), source="test")


def main_ids(skeleton: Skeleton) -> list[list[int]]:
    tracks = find_tracks(skeleton)
    return [
        skeleton.body_id[order_bodies(skeleton, tracks, frame)].tolist() for frame in range(1, skeleton.n_frames + 1)
    ]


@pytest.mark.parametrize("states", [INFERRED, np.where(np.arange(25) < 12, 2, 1), TRACKED])
def test_a_phantom_that_comes_first_in_the_file_comes_last(states: np.ndarray) -> None:
    skeleton = parse([[(1, phantom(i), states), (2, person(i), TRACKED)] for i in range(N)])
    assert main_ids(skeleton) == [[2, 1]] * N


def test_a_person_standing_still_wins_over_a_phantom() -> None:
    still = PERSON + np.array([0, 0, 3])
    skeleton = parse([[(1, phantom(i), INFERRED), (2, still, TRACKED)] for i in range(N)])
    assert main_ids(skeleton) == [[2, 1]] * N


def test_of_two_people_the_one_who_moves_is_main_whatever_the_order_in_each_frame() -> None:
    frames = []
    for i in range(N):
        bodies = [(7, PERSON + np.array([0.9, 0, 3.2]), TRACKED), (8, person(i, x=-0.6), TRACKED)]
        frames.append(bodies if i % 2 else bodies[::-1])
    assert main_ids(parse(frames)) == [[8, 7]] * N


def test_a_person_who_got_a_new_id_stays_the_main_body() -> None:
    """Twice lost and found under another id, beside a bystander who is there all the time."""
    frames = []
    for i in range(N):
        mover = [] if 12 <= i < 16 else [((10 if i < 12 else 11 if i < 25 else 12), person(i, x=-0.6), TRACKED)]
        frames.append([(5, PERSON + np.array([0.9, 0, 3.2]), TRACKED), *mover])
    found = main_ids(parse(frames))
    for i, ids in enumerate(found):
        assert ids == ([5] if 12 <= i < 16 else [10 if i < 12 else 11 if i < 25 else 12, 5])


def test_ids_are_not_joined_across_the_room_or_after_a_long_gap() -> None:
    far = parse([[(1 if i < 10 else 2, person(i, x=-1.5 if i < 10 else 1.5), TRACKED)] for i in range(20)])
    late = parse([[(1 if i < 5 else 2, person(0), TRACKED)] if i < 5 or i >= 60 else [] for i in range(65)])
    assert len(find_tracks(far)) == 2
    assert len(find_tracks(late)) == 2
    near = parse([[(1 if i < 10 else 2, person(i), TRACKED)] for i in range(20)])
    assert len(find_tracks(near)) == 1


def test_someone_seen_for_a_moment_is_not_main() -> None:
    passer = [(3, person(i * 3, x=1.0), TRACKED) for i in range(N)]
    skeleton = parse([[*([passer[i]] if i < 3 else []), (4, person(i), TRACKED)] for i in range(N)])
    assert main_ids(skeleton) == [[4, 3]] * 3 + [[4]] * (N - 3)


def test_bodies_of_nan_are_no_bodies_and_single_nan_joints_do_no_harm() -> None:
    gone = np.full((25, 3), np.nan)
    hurt = [person(i) for i in range(N)]
    for joints in hurt:
        joints[7] = np.nan
    skeleton = parse([[(1, gone, TRACKED), (2, hurt[i], TRACKED)] for i in range(N)])
    assert main_ids(skeleton) == [[2]] * N
    assert np.isfinite([track.score for track in find_tracks(skeleton)]).all()


def test_nobody() -> None:
    skeleton = parse([[], [], []])
    assert find_tracks(skeleton) == []
    assert order_bodies(skeleton, [], 2).tolist() == []
    assert order_bodies(skeleton, [], 99).tolist() == []
