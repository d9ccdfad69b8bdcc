"""The model with all three modalities, and without one or another."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.batch import Batch
from hcmoco_bench.models.encoders import create_encoder
from hcmoco_bench.models.mappers import normalize
from hcmoco_bench.models.pointnet import Level, PointNetEncoder
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel
from hcmoco_bench.pretrain.multimodal.sample_level import make_sample_level
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.registry import get_method

SMALL = {"backbone": "hrnet_w18_small", "init": "scratch", "image_size": 64}


def some_batch(n: int = 4, size: int = 64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    yes = torch.ones(n, dtype=torch.bool)
    foreground = torch.zeros(n, size, size, dtype=torch.bool)
    foreground[:, 10:50, 20:40] = True
    return Batch(
        sample_ids=tuple(f"s{i}" for i in range(n)),
        sources=("ntu",) * n,
        index=torch.arange(n),
        rgb=torch.randint(256, (n, 3, size, size), dtype=torch.uint8, generator=generator),
        depth=(2 + torch.rand(n, 1, size, size, generator=generator)) * foreground[:, None],
        foreground=foreground,
        parts=torch.zeros(n, size, size, dtype=torch.uint8),
        joints=size * torch.rand(n, 16, 2, generator=generator),
        visible=torch.ones(n, 16, dtype=torch.bool),
        intrinsics=torch.tensor([[100.0, 100.0, 32.0, 32.0]]).repeat(n, 1),
        has_rgb=yes,
        has_depth=yes.clone(),
        has_foreground=yes.clone(),
        has_parts=~yes,
        joints3d=torch.zeros(n, 16, 3),
        valid3d=torch.zeros(n, 16, dtype=torch.bool),
    )


@pytest.fixture(scope="module")
def model() -> MultiModalModel:
    torch.manual_seed(0)
    return get_method("hcmoco").build_model(
        make_pretrain_settings(None, {"backbone": "hrnet_w18_small", "init": "scratch", "image_size": 64})
    )


def test_embeddings_have_length_one(model: MultiModalModel) -> None:
    embeddings = model.eval()(some_batch())
    for values in embeddings.global_.values():
        assert values.shape == (4, 128)
        assert torch.allclose(values.norm(dim=1), torch.ones(4), atol=1e-5)
    for maps in embeddings.maps.values():
        assert maps.shape == (4, 128, 16, 16)
        assert torch.allclose(maps.norm(dim=1), torch.ones(4, 16, 16), atol=1e-5)
    assert torch.allclose(embeddings.keypoints.norm(dim=2), torch.ones(4, 16), atol=1e-5)
    assert model(some_batch(), dense=False).maps == {}


def test_samples_without_depth_neither_get_an_embedding_nor_touch_the_others(model: MultiModalModel) -> None:
    model.train()
    some = torch.tensor([True, False, True, False])
    batch = replace(some_batch(), has_depth=some)
    depth = batch.depth.clone()
    depth[~some] = 1000.0  # rubbish where there is nothing
    with torch.no_grad():
        one, other = model(batch), model(replace(batch, depth=depth))
    assert torch.equal(one.global_["depth"], other.global_["depth"])
    assert torch.equal(one.maps["depth"], other.maps["depth"])
    assert not one.global_["depth"][~some].any()
    assert not one.maps["depth"][~some].any()


def test_absent_depth_can_pass_the_encoder_as_zeros() -> None:
    """As published: the samples without depth get an embedding, and their zeros are part of the batch statistics."""
    some = torch.tensor([True, False, True, False])
    given = some_batch()
    batch = replace(given, has_depth=some, depth=given.depth * some[:, None, None, None])
    method = get_method("hcmoco")
    found = {}
    for way in ("skip", "zeros"):
        torch.manual_seed(0)
        network = method.build_model(make_pretrain_settings(None, {**SMALL, "absent_depth": way})).train()
        with torch.no_grad():
            found[way] = (network(batch), network.depth_encoder.state_dict())
    zeros, statistics = found["zeros"]
    torch.manual_seed(0)
    plain = method.build_model(make_pretrain_settings(None, SMALL)).train()
    with torch.no_grad():
        expected = plain(replace(batch, has_depth=torch.ones_like(some)))
    assert torch.equal(zeros.global_["depth"], expected.global_["depth"])
    assert all(torch.equal(value, statistics[name]) for name, value in plain.depth_encoder.state_dict().items())
    assert torch.equal(found["skip"][0].global_["rgb"], zeros.global_["rgb"])
    assert not torch.equal(found["skip"][0].global_["depth"][some], zeros.global_["depth"][some])


def test_pairs_with_a_hidden_modality_count_what_is_there_or_complete_samples() -> None:
    some = torch.tensor([True, False, True, True])
    batch = replace(some_batch(), has_depth=some)
    values = {"stores": ("labeled", "pairs"), "hide": ("depth", "nothing"), "negatives": 16}
    embeddings = {name: torch.eye(4, 128) for name in ("rgb", "depth", "keypoints")}
    counts = {}
    for rule in ("present", "complete"):
        settings = make_pretrain_settings(None, {**SMALL, **values, "hidden_pairs": rule})
        level = make_sample_level(settings, 8, torch.device("cpu"))
        terms = level.terms(embeddings, batch, torch.Generator().manual_seed(0))
        counts[rule] = {pair: int(term.count) for pair, term in terms.items()}
    assert set(counts["complete"].values()) == {3}
    assert counts["present"] == {pair: 3 if "depth" in pair else 4 for pair in counts["complete"]}
    nothing_hidden = make_pretrain_settings(None, {**SMALL, "hidden_pairs": "complete"})
    assert not make_sample_level(nothing_hidden, 8, torch.device("cpu")).complete


def test_networks_start_as_the_settings_say() -> None:
    settings = {**SMALL, "initial_std": 0.02, "batch_norm_momentum": 0.03}
    network = get_method("hcmoco").build_model(make_pretrain_settings(None, settings))
    for encoder in (network.rgb_encoder, network.depth_encoder):
        weights = torch.cat([layer.weight.flatten() for layer in encoder.modules() if isinstance(layer, nn.Conv2d)])
        assert float(weights.std()) == pytest.approx(0.02, rel=0.01)
        assert {layer.momentum for layer in encoder.modules() if isinstance(layer, nn.BatchNorm2d)} == {0.03}
    default = get_method("hcmoco").build_model(make_pretrain_settings(None, SMALL))
    assert {layer.momentum for layer in default.modules() if isinstance(layer, nn.BatchNorm2d)} == {0.1}


@pytest.mark.parametrize("lacking", ["depth", "foreground", "joints", "one sample"])
@pytest.mark.parametrize(
    ("method", "negatives"), [("hcmoco", 16), ("hcmoco", "batch"), ("cmc", 16), ("cmc", "batch"), ("mmv", 16)]
)
def test_degenerate_batches_give_finite_losses_and_gradients(lacking: str, method: str, negatives: int | str) -> None:
    own = {"negatives": negatives, "points": 9}
    given = SMALL | {name: value for name, value in own.items() if name in get_method(method).settings.model_fields}
    config = make_pretrain_settings(None, given, method=method)
    torch.manual_seed(0)
    model = get_method(config.method).build_model(config)
    batch = some_batch(1 if lacking == "one sample" else 3)
    nothing = torch.zeros(len(batch), dtype=torch.bool)
    if lacking == "depth":
        batch = replace(batch, has_depth=nothing, has_foreground=nothing)
    elif lacking == "foreground":
        batch = replace(batch, has_foreground=nothing, foreground=torch.zeros_like(batch.foreground))
    elif lacking == "joints":
        batch = replace(batch, visible=torch.zeros_like(batch.visible))
    objective = get_method(config.method).build_objective(config, model, 10, torch.device("cpu"))
    result = objective(model, batch, stage=1, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(result.loss)
    result.loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    if lacking == "depth":
        depth = [*model.depth_encoder.parameters(), *model.dense_mappers["depth"].parameters()]
        assert not any(parameter.grad is not None and parameter.grad.any() for parameter in depth)
    assert set(result.metrics) <= set(objective.columns)


@pytest.fixture
def model_of_points() -> MultiModalModel:
    levels = (Level(64, (0.1, 0.2), (4, 8), ((8,), (8,)), 16), Level(16, (0.3,), (8,), ((16,),), 16))
    torch.manual_seed(0)
    rgb = create_encoder("hrnet_w18_small")
    return MultiModalModel(rgb, PointNetEncoder(64, levels), joint_set("mpii16"), dim=12)


def test_points_have_mappers_of_their_own(model_of_points: MultiModalModel) -> None:
    batch = some_batch()
    embeddings = model_of_points.train()(batch)
    points = model_of_points.depth_encoder.encode(batch.depth, batch.intrinsics, batch.foreground)
    expected = normalize(model_of_points.global_mappers["depth"].projection(points.features.mean(dim=2)), dim=1)
    torch.testing.assert_close(embeddings.global_["depth"], expected)
    assert embeddings.maps["depth"].shape == embeddings.maps["rgb"].shape == (4, 12, 16, 16)
    assert (embeddings.maps["depth"] >= 0).all()
    (embeddings.maps["depth"].sum() + embeddings.global_["depth"].sum()).backward()
    of_depth = [
        model_of_points.depth_encoder,
        model_of_points.dense_mappers["depth"],
        model_of_points.global_mappers["depth"],
    ]
    assert all(parameter.grad is not None for module in of_depth for parameter in module.parameters())


def test_points_of_samples_without_depth_do_not_touch_the_others(model_of_points: MultiModalModel) -> None:
    batch = some_batch()
    some = torch.tensor([True, False, True, True])
    foreground = batch.foreground.clone()
    foreground[3] = False
    batch = replace(batch, has_depth=some, foreground=foreground)
    with torch.no_grad():
        mixed = model_of_points.train()(batch)
        points = model_of_points.depth_encoder.encode(*(x[:1] for x in (batch.depth, batch.intrinsics, foreground)))
    assert points.features.shape[0] == 1
    for values in (mixed.global_["depth"], mixed.maps["depth"]):
        assert not values[1].any()
    assert not mixed.maps["depth"][3].any()
    assert mixed.maps["depth"][[0, 2]].flatten(1).any(dim=1).all()


def test_the_fine_space_is_not_the_coarse_one() -> None:
    config = make_pretrain_settings(
        None, {"backbone": "hrnet_w18_small", "init": "scratch", "image_size": 64, "method": "mmv"}
    )
    embeddings = get_method(config.method).build_model(config)(some_batch(), dense=False)
    assert set(embeddings.fine) == {"rgb", "depth"}
    assert set(embeddings.global_) == {"rgb", "depth", "keypoints"}
    assert not torch.allclose(embeddings.fine["rgb"], embeddings.global_["rgb"])
