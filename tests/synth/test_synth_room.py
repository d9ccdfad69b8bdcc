"""Rooms: closed, furnished, free where people and cameras are, and lit as physics says."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.synth.kinect.cameras import place_kinect, sample_stage
from hcmoco_bench.synth.kinect.raycast import Surface, View
from hcmoco_bench.synth.kinect.shading import render_backdrop
from hcmoco_bench.synth.room import textures
from hcmoco_bench.synth.room.build import SEAT_HEIGHT, build_room
from hcmoco_bench.synth.room.lighting import DIRECTIONS, light_room, sphere_directions, to_linear, tone_table
from hcmoco_bench.synth.room.mesh_builder import MeshBuilder
from hcmoco_bench.synth.room.shadows import ShadowCatcher


def _room(seed):
    rng = np.random.default_rng(seed)
    stage = sample_stage(rng)
    return rng, stage, build_room(rng, stage)


@pytest.mark.parametrize("seed", range(6))
def test_rooms_are_closed_and_hold_their_cameras(seed):
    rng, stage, room = _room(seed)
    surface = Surface(room.mesh.vertices, room.mesh.faces, "cpu")
    rays = sphere_directions(2000)
    for camera in (1, 2, 3):
        kinect = place_kinect(rng, stage, camera)
        x, _, z = kinect.position
        assert -room.shell.half_width[0] < x < room.shell.half_width[1]
        assert z < room.shell.front
        face, distance = surface.trace(kinect.position, rays)
        assert (face >= 0).all()
        assert distance.max() < 20
        # Nothing hides the upper body of somebody on the spot.
        body = np.array([[x, y, 0.1] for x in (-0.25, 0.0, 0.25) for y in (0.9, 1.3, 1.7)])
        assert not surface.blocks(np.broadcast_to(kinect.position, body.shape), body).any()


@pytest.mark.parametrize("seed", range(6))
def test_people_have_floor_to_stand_on(seed):
    _, _, room = _room(seed)
    surface = Surface(room.mesh.vertices, room.mesh.faces, "cpu")
    # A column of 35 cm radius on the spot is free from the floor up.
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for height in (0.1, 0.5, 1.0, 1.6):
        ends = np.stack([0.35 * np.sin(angles), np.full(24, height), 0.2 + 0.35 * np.cos(angles)], axis=1)
        middle = np.broadcast_to([0.0, height, 0.2], ends.shape)
        assert not surface.blocks(middle, ends).any()
    face, distance = surface.trace(np.array([0.0, 1.0, 0.2]), np.array([[0.0, -1.0, 0.0]]))
    assert face[0] >= 0
    assert distance[0] == pytest.approx(1.0, abs=1e-4)
    # The chair's seat is where sitters are put.
    face, distance = surface.trace(np.array([room.chair.x, 1.0, room.chair.z]), np.array([[0.0, -1.0, 0.0]]))
    assert distance[0] == pytest.approx(1.0 - SEAT_HEIGHT, abs=1e-4)


def test_rooms_differ_and_repeat():
    _, _, one = _room(1)
    _, _, again = _room(1)
    _, _, other = _room(2)
    np.testing.assert_array_equal(one.mesh.vertices, again.mesh.vertices)
    np.testing.assert_array_equal(one.mesh.textures, again.mesh.textures)
    assert one.shell != other.shell


def test_normals_point_where_the_surface_is_seen_from():
    build = MeshBuilder()
    gray = build.material(textures.plain(np.random.default_rng(0), (128, 128, 128)))
    build.box([1.0, 2.0, 3.0], [0.4, 0.6, 0.8], gray, yaw=0.7)
    build.cylinder([-3.0, 0.0, 0.0], 0.2, 1.0, gray)
    mesh = build.build()
    box = mesh.vertices[:, 0] > 0
    outward = mesh.vertices - np.where(box[:, None], [1.0, 2.0, 3.0], [-3.0, 0.5, 0.0])
    dots = (mesh.normals * outward).sum(axis=1)
    # A lid's corners at the axis of the cylinder point straight up.
    assert (dots > 0.05).all()
    # Faces turn the same way as the normals of their corners.
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    lengths = np.linalg.norm(cross, axis=1)
    turned = (cross * mesh.normals[mesh.faces[:, 0]]).sum(axis=1)[lengths > 1e-9]
    assert (turned < 0).all() or (turned > 0).all()


def test_a_box_has_its_size_and_turn():
    build = MeshBuilder()
    build.box([0.0, 0.0, 0.0], [2.0, 4.0, 6.0], build.material(textures.clock(np.random.default_rng(0))), yaw=np.pi / 2)
    mesh = build.build()
    np.testing.assert_allclose(mesh.vertices.min(axis=0), [-3, -2, -1], atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [3, 2, 1], atol=1e-6)


def _closed_gray_box(albedo=188, size=4.0):
    """A cube that is gray inside, with one small lamp in the middle of its ceiling."""
    build = MeshBuilder()
    gray = build.material(np.full((textures.SIZE, textures.SIZE, 3), albedo, np.uint8))
    lamp = build.material(np.full((textures.SIZE, textures.SIZE, 3), 255, np.uint8), (50.0, 50.0, 50.0))
    h = size / 2
    build.quad([-h, 0, -h], [size, 0, 0], [0, 0, size], gray, cell=0.25)
    build.quad([-h, size, h], [size, 0, 0], [0, 0, -size], gray, cell=0.25)
    for start, end in (([-h, -h], [h, -h]), ([-h, h], [-h, -h]), ([h, -h], [h, h]), ([h, h], [-h, h])):
        corner = np.array([start[0], size, start[1]])
        build.quad(corner, np.array([end[0], size, end[1]]) - corner, [0, -size, 0], gray, cell=0.25)
    build.quad([-0.1, size - 0.005, 0.1], [0.2, 0, 0], [0, 0, -0.2], lamp)
    return build.build()


def test_direct_light_falls_with_the_square_of_the_distance():
    mesh = _closed_gray_box(albedo=0)
    light = light_room(mesh, Surface(mesh.vertices, mesh.faces, "cpu"))
    floor = np.flatnonzero((mesh.normals[:, 1] > 0.99) & (mesh.vertices[:, 1] < 0.01))
    for vertex in floor[:: len(floor) // 15]:
        x, _, z = mesh.probes[vertex]
        square = x * x + z * z + 16.0
        # Radiance 50 from 0.04 square meters, cosines at both ends.
        expected = 50 * 0.04 * (4.0 / np.sqrt(square)) ** 2 / square
        assert light.irradiance[vertex] == pytest.approx([expected] * 3, rel=0.02)


def test_brighter_walls_make_more_light_and_energy_is_not_invented():
    totals = []
    for albedo in (0, 128, 188):
        mesh = _closed_gray_box(albedo=albedo)
        light = light_room(mesh, Surface(mesh.vertices, mesh.faces, "cpu"))
        assert np.isfinite(light.irradiance).all()
        assert (light.irradiance >= 0).all()
        gray = mesh.face_layer == 0
        corners = mesh.vertices[mesh.faces[gray]].astype(np.float64)
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
        received = (light.irradiance[mesh.faces[gray]].mean(axis=(1, 2)) * area).sum()
        totals.append(received)
        # All power sent out (pi L A) is absorbed in the end: received (1 - albedo) = pi 50 0.04.
        reflectance = float(to_linear(np.array([albedo], np.uint8))[0])
        assert received * (1 - reflectance) == pytest.approx(np.pi * 50 * 0.04, rel=0.25)
    assert totals[0] < totals[1] < totals[2]


def test_light_on_people_comes_from_the_lamp():
    mesh = _closed_gray_box(albedo=60)
    light = light_room(mesh, Surface(mesh.vertices, mesh.faces, "cpu"))
    assert light.directions.shape == light.lobes.shape == (DIRECTIONS, 3)
    np.testing.assert_allclose(np.linalg.norm(light.directions, axis=1), 1, atol=1e-5)
    brightest = light.directions[light.lobes.sum(axis=1).argmax()]
    assert brightest @ [0, 1, 0] > 0.97
    # A lamp of 0.04 square meters at 2.7 m above the point where people's light is gathered.
    assert light.lobes.max() == pytest.approx(50 * 0.04 / 2.7**2, rel=0.4)


def test_the_backdrop_is_what_rays_see():
    rng, stage, room = _room(3)
    surface = Surface(room.mesh.vertices, room.mesh.faces, "cpu")
    light = light_room(room.mesh, surface)
    kinect = place_kinect(rng, stage, 2)
    view = View(kinect.color, kinect.color_from_world)
    backdrop = render_backdrop(room.mesh, surface, light, view)
    assert backdrop.radiance.shape == (1080, 1920, 3)
    assert np.isfinite(backdrop.radiance).all()
    pixels = rng.integers([0, 0], [1920, 1080], (400, 2))
    directions = kinect.color.unproject(pixels, np.ones(len(pixels))) @ view.pose[:, :3]
    _, distance = surface.trace(view.position, directions)
    z = backdrop.z[pixels[:, 1], pixels[:, 0]]
    assert (np.abs(z - distance) < 1e-3).mean() > 0.99


def test_shadows_lie_under_what_casts_them_and_not_elsewhere():
    rng, stage, room = _room(4)
    surface = Surface(room.mesh.vertices, room.mesh.faces, "cpu")
    light = light_room(room.mesh, surface)
    kinect = place_kinect(rng, stage, 1)
    view = View(kinect.color, kinect.color_from_world)
    catcher = ShadowCatcher(room.mesh, surface, light, view)
    build = MeshBuilder()
    build.box([0.0, 0.5, 0.1], [0.4, 1.0, 0.4], build.material(textures.leaves(rng)))
    block = build.build()
    full = np.ones((1080, 1920))
    shadows = catcher.shade(Surface(block.vertices, block.faces, "cpu"))
    for box, factor in shadows:
        assert factor.shape == (box.height, box.width)
        full[box.slices] *= factor / 255
    spots = np.array([[0.0, 0.0, 0.34], [1.4, 0.0, 0.1], [-1.4, 0.0, 0.1]])
    at = kinect.project_color(kinect.to_camera(spots)).round().astype(int)
    foot, right, left = (full[min(y, 1079), x] for x, y in at)
    assert foot < 0.85 < 0.9 < min(right, left)
    assert full[:, :60].min() > 0.95
    far = Surface(block.vertices + np.float32([0, 3, 60]), block.faces, "cpu")
    assert catcher.shade(far) == []


def test_textures_tile_without_seams():
    rng = np.random.default_rng(0)
    for texture in (textures.plaster(rng, (200, 200, 200)), textures.cloth(rng, (90, 90, 90))):
        rows = texture.astype(float).mean(axis=2)
        inside = np.abs(np.diff(rows, axis=0)).mean()
        assert np.abs(rows[0] - rows[-1]).mean() < 1.6 * inside


def test_response_of_the_camera():
    table = tone_table(4096, 4.0)
    assert table[0] == 0
    assert table[-1] >= 254
    assert (np.diff(table.astype(int)) >= 0).all()
    # Middle gray of 18 % is sRGB 118.
    assert table[round(0.18 / 4.0 * 4095)] == pytest.approx(118, abs=1)
