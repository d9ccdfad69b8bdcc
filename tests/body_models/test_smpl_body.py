"""SMPL's file in all its forms, its skinning against a slow plain one, and files that are no model."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import smpl_files
import torch
from generated_bodies import turned
from smpl_files import FORMS, arrays, chumpy_objects, plain_vertices, write

from hcmoco_bench.body import joint_mapping, joint_set
from hcmoco_bench.body_models.create import create_body_model
from hcmoco_bench.body_models.linear_blend_body import PosedJoints
from hcmoco_bench.body_models.rotations import from_axis_angle
from hcmoco_bench.body_models.smpl_body import SmplBody
from hcmoco_bench.errors import DataError, UsageError


def eye(count: int) -> torch.Tensor:
    return torch.eye(3).expand(count, 24, 3, 3)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_file_poses_as_the_plain_model_does(form: str, tmp_path: Path) -> None:
    data = arrays()
    model = SmplBody(write(tmp_path / FORMS[form], data, form))
    generator = torch.Generator().manual_seed(2)
    shape, rotations = torch.randn(2, 10, generator=generator), turned(generator, 2, 24, 0.6)
    body = model(shape, rotations)
    for index in range(2 if form == "npz" else 1):
        vertices, joints = plain_vertices(data, shape[index].double().numpy(), rotations[index].double().numpy())
        np.testing.assert_allclose(body.vertices[index], vertices, atol=2e-6)
        np.testing.assert_allclose(body.joints[index], joints, atol=2e-6)


def test_the_rest_pose_is_template_plus_shape(smpl: SmplBody) -> None:
    data, shape = arrays(), torch.randn(3, 10, generator=torch.Generator().manual_seed(3))
    body = smpl(shape, eye(3))
    expected = data["v_template"] + np.einsum("vcs,bs->bvc", data["shapedirs"][..., :10], shape.numpy())
    np.testing.assert_allclose(body.vertices, expected, atol=1e-6)
    np.testing.assert_allclose(smpl.regress_joints(body.vertices, "smpl24"), body.joints, atol=1e-6)
    np.testing.assert_allclose(body.joints[:, 0], (data["J_regressor"] @ expected)[:, 0], atol=1e-6)


def test_the_root_turns_all_and_the_translation_moves_all(smpl: SmplBody) -> None:
    generator = torch.Generator().manual_seed(4)
    shape, rotations = torch.randn(2, 10, generator=generator), turned(generator, 2, 24)
    rotations[:, 0] = torch.eye(3)
    turn, shift = turned(generator, 2, 1, 1.5)[:, 0], torch.tensor([[0.5, -1.0, 3.0], [0.0, 0.2, 5.0]])
    before = smpl(shape, rotations)
    after = smpl(shape, torch.cat([turn[:, None], rotations[:, 1:]], 1), shift)
    pivot = before.joints[:, :1]
    for name in ("vertices", "joints"):
        expected = (getattr(before, name) - pivot) @ turn.transpose(1, 2) + pivot + shift[:, None]
        torch.testing.assert_close(getattr(after, name), expected, atol=1e-5, rtol=0)


def test_gradients(smpl_path: Path) -> None:
    model, generator = SmplBody(smpl_path).double(), torch.Generator().manual_seed(5)
    shape = torch.randn(2, 10, generator=generator, dtype=torch.float64, requires_grad=True)
    turns = torch.randn(2, 24, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    shift = torch.randn(2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    mixture = torch.randn(5, len(model.template), 1, generator=generator, dtype=torch.float64)

    def some(shape: torch.Tensor, turns: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        vertices = model(shape, from_axis_angle(turns), shift).vertices
        return (mixture * vertices[:, None]).sum(2)

    assert torch.autograd.gradcheck(some, (shape, turns, shift), fast_mode=True)


def test_joints_without_vertices_are_those_of_the_vertices(smpl: SmplBody) -> None:
    generator = torch.Generator().manual_seed(6)
    shape, rotations, shift = torch.randn(3, 10, generator=generator), turned(generator, 3, 24), torch.ones(3, 3)
    vertices = smpl(shape, rotations, shift).vertices
    for joints in ("h36m17", "lsp14", "smpl24"):
        posed = PosedJoints(smpl, joints)(shape, rotations, shift)
        torch.testing.assert_close(posed, smpl.regress_joints(vertices, joints), atol=1e-5, rtol=0)


def test_joint_sets_agree_about_the_places_that_they_share(smpl: SmplBody) -> None:
    vertices = smpl(torch.zeros(1, 10), eye(1)).vertices
    sets = {name: smpl.regress_joints(vertices, name)[0] for name in ("h36m17", "lsp14", "smpl24")}
    torch.testing.assert_close(sets["lsp14"], sets["h36m17"][joint_mapping("h36m17", "lsp14")])
    h36m, own = joint_set("h36m17"), joint_set("smpl24")
    for name in set(h36m.joints) & set(own.joints) - {"neck", "head"}:
        torch.testing.assert_close(sets["h36m17"][h36m.index(name)], sets["smpl24"][own.index(name)])
    hips = (sets["smpl24"][1] + sets["smpl24"][2]) / 2
    torch.testing.assert_close(sets["h36m17"][0], hips)
    assert sets["h36m17"][h36m.index("head"), 1] == vertices[0, :, 1].max()


@pytest.mark.parametrize("swapped", [False, True])
def test_a_published_regressor_beside_the_model_is_used_with_its_sides_right(swapped: bool, tmp_path: Path) -> None:
    data, names = arrays(), joint_set("h36m17")
    rows = np.zeros((17, len(data["v_template"])))
    own = joint_set("smpl24")
    for index, name in enumerate(names.joints):
        rows[index] = data["J_regressor"][own.index(name) if name in own.joints else 3]
    given = rows[names.flip] if swapped else rows
    np.save(tmp_path / "J_regressor_h36m.npy", given)
    model = SmplBody(write(tmp_path / "SMPL_NEUTRAL.npz", data, "npz"))
    found = model.regress_joints(model.template[None], "h36m17")[0]
    np.testing.assert_allclose(found, rows @ data["v_template"], atol=1e-6)
    assert found[names.index("left hip"), 0] > 0 > found[names.index("right hip"), 0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (np.ones((24, 384)) / 384, r"it is \(24, 384\) and the model needs \(17, 384\)"),
        (np.ones((17, 384)), "do not sum to 1"),
        (np.full((17, 384), np.nan), "do not sum to 1"),
        (b"not an array", "no array of numbers"),
    ],
)
def test_a_wrong_regressor_beside_the_model_is_refused(content: Any, why: str, tmp_path: Path) -> None:
    path = tmp_path / "J_regressor_h36m.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(DataError, match=why) as caught:
        SmplBody(write(tmp_path / "SMPL_NEUTRAL.npz", arrays(), "npz"))
    assert caught.value.kind == "smpl_regressor"


class Evil:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return print, ("this must not run",)


def harmed(**changes: Any) -> dict[str, Any]:
    return arrays() | changes


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in arrays().items() if key not in keys}


def _weights(value: float) -> np.ndarray:
    weights = arrays()["weights"].copy()
    weights[3, 3] = value
    return weights


KINTREE = arrays()["kintree_table"].copy()
KINTREE[0, 5] = 9
WRONG = {
    "no posedirs": (without("posedirs", "f"), "smpl_foreign", "it lacks posedirs, f"),
    "of SMPL-H": (harmed(weights=np.ones((384, 52)) / 52), "smpl_foreign", r"weights is \(384, 52\)"),
    "flat template": (harmed(v_template=np.zeros(1152)), "smpl_foreign", r"v_template is \(1152,\)"),
    "no shapes": (harmed(shapedirs=np.zeros((384, 3, 0))), "smpl_foreign", "shapedirs is"),
    "texts": (harmed(J_regressor=np.array(["a", "b"])), "smpl_foreign", "J_regressor cannot be read"),
    "nan": (harmed(v_template=np.full((384, 3), np.nan)), "smpl_damaged", "v_template holds numbers"),
    "weights": (harmed(weights=_weights(7.0)), "smpl_damaged", "weights has a row whose sum is"),
    "tree": (harmed(kintree_table=KINTREE), "smpl_damaged", "kintree_table is no tree"),
    "faces": (harmed(f=np.array([[0, 1, 384]])), "smpl_damaged", r"f names vertices outside 0\.\.383"),
    "half faces": (harmed(f=np.array([[0, 1, 2.5]])), "smpl_damaged", "f names vertices"),
}


@pytest.mark.parametrize("case", WRONG)
def test_arrays_that_are_no_model_are_refused(case: str, tmp_path: Path) -> None:
    data, kind, why = WRONG[case]
    with pytest.raises(DataError, match=why) as caught:
        create_body_model("smpl", write(tmp_path / "SMPL_NEUTRAL.npz", data, "npz"))
    assert caught.value.kind == kind
    assert str(tmp_path) in str(caught.value)


def _matrix(**changes: Any) -> bytes:
    data = chumpy_objects(arrays())
    vars(data["J_regressor"]).update(changes)
    with smpl_files.as_modules():
        return pickle.dumps(data, 2)


def _chumpy(**state: Any) -> bytes:
    data = chumpy_objects(arrays())
    vars(data["shapedirs"]).clear()
    vars(data["shapedirs"]).update(state)
    with smpl_files.as_modules():
        return pickle.dumps(data, 2)


FILES: dict[str, tuple[str, Callable[[], bytes], str, str]] = {
    "empty": ("a.pkl", lambda: b"", "smpl_damaged", "no whole pickle"),
    "cut": ("a.pkl", lambda: pickle.dumps(arrays())[:-5000], "smpl_damaged", "no whole pickle"),
    "a list": ("a.pkl", lambda: pickle.dumps([1, 2]), "smpl_foreign", "holds a list"),
    "evil": ("a.pkl", lambda: pickle.dumps(arrays() | {"f": Evil()}), "smpl_foreign", r"asks for builtins\.print"),
    "evil 2": ("a.pkl", lambda: pickle.dumps({"f": Evil()}, 2), "smpl_foreign", r"asks for __builtin__\.print"),
    "no zip": ("a.npz", lambda: b"PK nothing", "smpl_damaged", "cannot be read"),
    "no bytes": ("a.npz", lambda: b"", "smpl_damaged", "cannot be read"),
    "matrix beyond": ("a.pkl", lambda: _matrix(indices=np.full(384, 99)), "smpl_foreign", "J_regressor cannot be read"),
    "huge matrix": ("a.pkl", lambda: _matrix(_shape=(2**23, 2**23)), "smpl_foreign", "J_regressor cannot be read"),
    "no matrix": ("a.pkl", lambda: _matrix(data="abc"), "smpl_foreign", "J_regressor cannot be read"),
    "other chumpy": ("a.pkl", lambda: _chumpy(y=1), "smpl_foreign", "an object of chumpy.ch.Ch"),
    "chumpy of a text": ("a.pkl", lambda: _chumpy(x="abc"), "smpl_foreign", "a str instead of an array"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_damaged_and_hostile_files_are_refused_in_a_sentence(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, kind, why = FILES[case]
    path = tmp_path / name
    path.write_bytes(content())
    with pytest.raises(DataError, match=why) as caught:
        create_body_model("smpl", path)
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = harmed(f=np.array([Evil()], object))
    with pytest.raises(DataError, match="cannot be read") as caught:
        create_body_model("smpl", write(tmp_path / "SMPL_NEUTRAL.npz", data, "npz"))
    assert caught.value.kind == "smpl_damaged"
    assert capsys.readouterr().out == ""


def test_an_object_that_holds_itself_is_refused(tmp_path: Path) -> None:
    data = chumpy_objects(arrays())
    data["shapedirs"].x = data["shapedirs"]
    with smpl_files.as_modules():
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(data, 2))
    with pytest.raises(DataError, match="shapedirs cannot be read"):
        create_body_model("smpl", tmp_path / "a.pkl")


def test_no_file_and_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs your own file"):
        create_body_model("smpl")
    with pytest.raises(DataError, match="there is no such file") as caught:
        create_body_model("smpl", tmp_path / "SMPL_MALE.pkl")
    assert caught.value.kind == "smpl_missing"
    with pytest.raises(DataError, match="there is no such file"):
        create_body_model("smpl", tmp_path)
