"""PointNet++ and its mapper against HCMoCo's own, level by level: values, gradients, orders of points, the way back.

Where a cloud has repeats, several indices stand for the same place, so places are compared, not indices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from neighbor_offsets import clouds_of, neighbor_offsets
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.models.foreground_points import back_project, fill_background
from hcmoco_bench.models.point_features import PointFeatures
from hcmoco_bench.models.point_mappers import PointDenseMapper
from hcmoco_bench.models.point_ops import ball_query, group, three_nearest
from hcmoco_bench.models.pointnet import Level, PointNet

pytestmark = pytest.mark.oracle

VALUES = {"rtol": 1e-5, "atol": 1e-5}
GRADIENTS = 2e-5
"""Of a tensor's largest entry."""


@pytest.fixture(scope="module")
def arrays(oracle: Path) -> dict[str, Tensor]:
    with np.load(oracle / "pointnet.npz", allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture
def network(arrays: Mapping[str, Tensor]) -> PointNet:
    columns = [arrays[name].tolist() for name in ("n_centres", "radii", "n_neighbours", "widths", "widths_back")]
    levels = [
        Level(n_centers, tuple(radii), tuple(n_neighbors), tuple(map(tuple, widths)), back)
        for n_centers, radii, n_neighbors, widths, back in zip(*columns, strict=True)
    ]
    network = PointNet(levels)
    network.load_state_dict(renamed(arrays, "state/"), strict=True)
    return network.eval()


@pytest.fixture
def mapper(arrays: Mapping[str, Tensor]) -> PointDenseMapper:
    names = {"conv.weight": "projection.weight"}
    state = {key.removeprefix("mapper/"): value for key, value in arrays.items() if key.startswith("mapper/")}
    width, channels, _ = state["conv.weight"].shape
    mapper = PointDenseMapper(channels, width)
    mapper.load_state_dict({names.get(name, name.replace("bn.bn", "norm")): state[name] for name in state}, strict=True)
    return mapper.eval()


def renamed(arrays: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, with the names that this package gives to the authors' parameters."""
    found = {}
    for key, value in arrays.items():
        if key.startswith(prefix):
            found[own_name(key.removeprefix(prefix))] = value
    return found


def own_name(published: str) -> str:
    parts = re.fullmatch(r"(.+)\.layer(\d+)\.(conv|bn\.bn)\.(\w+)", published)
    assert parts is not None, published
    place = parts[1].replace("SA_modules", "abstraction").replace(".mlps.", ".scales.")
    place = place.replace("FP_modules", "propagation").removesuffix(".mlp")
    return f"{place}.{3 * int(parts[2]) + (parts[3] != 'conv')}.{parts[4]}"


def at(points: Tensor, index: Tensor) -> Tensor:
    """Coordinates (B, ..., 3) of the points (B, N, 3) with these indices (B, ...)."""
    return group(points.transpose(1, 2), index.long()).movedim(1, -1)


def clouds(arrays: Mapping[str, Tensor], network: PointNet) -> list[Tensor]:
    """The published clouds: the points, and the centers of each level."""
    return [arrays["points"], *(arrays[f"eval/level{i}/centres"] for i in range(len(network.levels)))]


def ordered(arrays: Mapping[str, Tensor], order: str) -> Tensor:
    """The points as given, in the permutation of the file, or in the order of the image."""
    points = arrays["points"]
    if order == "permuted/":
        return points[:, arrays["permutation"]]
    return at(points, arrays["raster_order"]) if order == "raster/" else points


def test_centers_and_neighbors_are_the_published_ones(network: PointNet, arrays: dict[str, Tensor]) -> None:
    published = clouds(arrays, network)
    own = clouds_of(network, lambda: network(arrays["points"]))
    for place, (mine, theirs) in enumerate(zip(own, published, strict=True)):
        assert torch.equal(mine, theirs), f"centers of level {place - 1}"
    for i, (level, (points, centers)) in enumerate(zip(network.levels, pairwise(published), strict=True)):
        assert torch.equal(at(points, arrays[f"eval/level{i}/centre_index"]), centers)
        for scale, index in enumerate(ball_query(points, centers, level.radii, level.n_neighbors)):
            theirs = arrays[f"eval/level{i}/neighbours{scale}"]
            assert torch.equal(at(points, index), at(points, theirs)), f"level {i}, scale {scale}"


def test_of_a_cloud_without_repeats_even_the_indices_are_the_published_ones(
    network: PointNet, arrays: dict[str, Tensor]
) -> None:
    published = clouds(arrays, network)
    without = [b for b, cloud in enumerate(arrays["points"]) if len(cloud.unique(dim=0)) == len(cloud)]
    assert without
    for i, (level, (points, centers)) in enumerate(zip(network.levels, pairwise(published), strict=True)):
        found = ball_query(points[without], centers[without], level.radii, level.n_neighbors)
        for scale, index in enumerate(found):
            assert torch.equal(index, arrays[f"eval/level{i}/neighbours{scale}"][without].long())


def test_features_on_the_way_down_and_back_are_the_published_ones(network: PointNet, arrays: dict[str, Tensor]) -> None:
    found: dict[str, Tensor] = {}

    def keep(name: str, module: torch.nn.Module) -> None:
        module.register_forward_hook(lambda _, __, output: found.update({name: output}))

    for i in range(len(network.levels)):
        keep(f"eval/level{i}/features", network.abstraction[i])
        keep(f"eval/back{i}/features", network.propagation[i])
    with torch.no_grad():
        output = network(arrays["points"])
    for name, values in found.items():
        torch.testing.assert_close(values.reshape(arrays[name].shape), arrays[name], **VALUES, msg=name)
    torch.testing.assert_close(output, arrays["output_eval"], **VALUES)


def test_three_nearest_centers_and_their_weights_are_the_published_ones(
    network: PointNet, arrays: dict[str, Tensor]
) -> None:
    for i, (fine, coarse) in enumerate(pairwise(clouds(arrays, network))):
        index, weights = three_nearest(fine, coarse)
        theirs = at(coarse, arrays[f"eval/back{i}/nearest"])
        own = at(coarse, index)
        torch.testing.assert_close(
            (own - fine[:, :, None]).norm(dim=3), (theirs - fine[:, :, None]).norm(dim=3), rtol=0, atol=1e-6
        )
        torch.testing.assert_close(weights, arrays[f"eval/back{i}/weights"], **VALUES)


def test_values_gradients_and_statistics_of_training_are_the_published_ones(
    network: PointNet, arrays: dict[str, Tensor]
) -> None:
    output = network.train()(arrays["points"])
    torch.testing.assert_close(output, arrays["output_train"], **VALUES)
    (output * arrays["probe"]).sum().backward()
    gradients = renamed(arrays, "grad/")
    assert set(gradients) == {name for name, _ in network.named_parameters()}
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        wrong = (parameter.grad - gradients[name]).abs().max() / gradients[name].abs().max()
        assert wrong < GRADIENTS, name
    statistics = renamed(arrays, "after_train/")
    buffers = dict(network.named_buffers())
    assert set(statistics) == {name for name in buffers if not name.endswith("num_batches_tracked")}
    for name, values in statistics.items():
        torch.testing.assert_close(buffers[name], values, rtol=1e-6, atol=1e-6, msg=name)


@pytest.mark.parametrize("order", ["", "permuted/", "raster/"])
def test_the_order_of_the_points_decides_as_published(network: PointNet, arrays: dict[str, Tensor], order: str) -> None:
    points = ordered(arrays, order)
    with torch.no_grad():
        output = network(points)
    torch.testing.assert_close(output, arrays[f"{order}output_eval"], **VALUES)
    found = neighbor_offsets(network, clouds_of(network, lambda: network(points))).nan_to_num(0)
    torch.testing.assert_close(found, arrays[f"{order}choice_offset"], rtol=0, atol=1e-4)


def test_centers_and_neighbors_of_the_permuted_points(network: PointNet, arrays: dict[str, Tensor]) -> None:
    points = ordered(arrays, "permuted/")
    _, centers, *_ = clouds_of(network, lambda: network(points))
    assert torch.equal(centers, at(points, arrays["permuted/level0_centre_index"]))
    level = network.levels[0]
    index = ball_query(points, centers, level.radii, level.n_neighbors)[1]
    assert torch.equal(at(points, index), at(points, arrays["permuted/level0_neighbours1"]))


def test_in_farthest_point_order_the_first_level_changes_nothing(network: PointNet, arrays: dict[str, Tensor]) -> None:
    points = arrays["eval/level0/centres"]
    cloud, centers, *_ = clouds_of(network, lambda: network(points))
    assert torch.equal(cloud, centers)
    with torch.no_grad():
        torch.testing.assert_close(network(points), arrays["farthest/output_eval"], **VALUES)


def test_pooling_mapping_and_the_way_back_to_pixels_are_the_published_ones(
    mapper: PointDenseMapper, arrays: dict[str, Tensor]
) -> None:
    size = tuple(arrays["foreground"].shape[1:])
    points = PointFeatures.at(arrays["output_eval"], arrays["points"], arrays["pixel_points"], size)
    torch.testing.assert_close(points.pooled(), arrays["pooled_eval"], **VALUES)
    with torch.no_grad():
        mapped = mapper.embed(points.features)
        torch.testing.assert_close(mapped, arrays["mapped_eval"], **VALUES)
        pixels = points.to_map(mapped)
        torch.testing.assert_close(pixels, arrays["pixel_map_eval"], **VALUES)
        torch.testing.assert_close(mapper(points), functional.normalize(pixels, dim=1))
    quarter = functional.interpolate(pixels, size=arrays["map_eval"].shape[2:], mode="nearest")
    torch.testing.assert_close(quarter, arrays["map_eval"], **VALUES)


def test_points_are_those_of_the_published_camera(arrays: dict[str, Tensor]) -> None:
    """Background at the mean depth; (down, left, forward minus the mean) there, (right, up, forward) here."""
    foreground, mean = arrays["foreground"], arrays["depth_mean"].float()[:, None, None]
    depth = torch.where(foreground, arrays["depth_from_mean"] + mean, torch.nan)
    filled = fill_background(depth, foreground)
    torch.testing.assert_close(filled[~foreground], mean.expand_as(depth)[~foreground], **VALUES)
    focal = 1 / float(arrays["metres_per_pixel_and_metre"])
    frame = torch.tensor([[focal, focal, float(arrays["frame_width"]) / 2, float(arrays["frame_height"]) / 2]])
    height, width = int(arrays["frame_height"]), int(arrays["frame_width"])
    row, column = arrays["pixel_row_column"].long().unbind(dim=-1)
    for b in range(len(depth)):
        scene = torch.zeros(1, height, width)
        scene[0, row[b], column[b]] = filled[b]
        right, up, forward = back_project(scene, frame)[0, row[b], column[b]].unbind(dim=-1)
        own = torch.stack([-up, -right, forward - mean[b]], dim=-1).flatten(0, 1)
        torch.testing.assert_close(own, arrays["pixel_points"][b], rtol=1e-5, atol=2e-5)
