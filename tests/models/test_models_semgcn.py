"""SemGCN against the published implementation's results, and against the formula written out joint by joint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.semgcn import SemanticGraphConvolution, SemGCN, graph_neighbors


def published_network(folder: Path) -> tuple[SemGCN, dict[str, np.ndarray]]:
    arrays = dict(np.load(folder / "semgcn.npz", allow_pickle=False))
    state = {key.removeprefix("state/"): torch.from_numpy(v) for key, v in arrays.items() if key.startswith("state/")}
    n_joints = len(arrays["parents"])
    network = SemGCN(
        n_joints,
        [(joint, int(parent)) for joint, parent in enumerate(arrays["parents"]) if parent >= 0],
        in_dim=arrays["input"].shape[-1],
        width=state["gconv_input.0.gconv.bias"].shape[0],
        out_dim=arrays["output"].shape[-1],
        n_layers=len({key.split(".")[1] for key in state if key.startswith("gconv_layers")}),
    )
    network.load_state_dict(state, strict=True)
    return network.eval(), arrays


@pytest.mark.oracle
def test_equals_the_published_network(oracle: Path) -> None:
    network, arrays = published_network(oracle)
    with torch.no_grad():
        output = network(torch.from_numpy(arrays["input"]))
    np.testing.assert_allclose(output.numpy(), arrays["output"], rtol=1e-5, atol=1e-5)


@pytest.mark.oracle
def test_graph_is_the_published_one(oracle: Path) -> None:
    arrays = np.load(oracle / "semgcn.npz", allow_pickle=False)
    edges = [(joint, int(parent)) for joint, parent in enumerate(arrays["parents"]) if parent >= 0]
    rows, columns = np.nonzero(arrays["adjacency"])
    np.testing.assert_array_equal(graph_neighbors(len(arrays["parents"]), edges).numpy(), np.stack([rows, columns]))


@pytest.mark.parametrize(
    ("name", "parents"),
    [
        ("mpii16", (1, 2, 6, 6, 3, 4, None, 6, 7, 8, 11, 12, 8, 8, 13, 14)),
        ("shared13", (1, 2, 9, 10, 3, 4, None, 8, 9, 6, 6, 10, 11)),
    ],
)
def test_the_joint_table_holds_the_published_graph(name: str, parents: tuple[int | None, ...]) -> None:
    # an edge's logit is stored by position: a graph of equal size but with other edges would load, and be wrong
    limbs = {frozenset((joint, parent)) for joint, parent in enumerate(parents) if parent is not None}
    assert {frozenset(edge) for edge in joint_set(name).edges} == limbs


def test_convolution_is_the_formula_joint_by_joint() -> None:
    torch.manual_seed(0)
    layer = SemanticGraphConvolution(3, 5, graph_neighbors(4, [(2, 1), (0, 1), (3, 2)]), 4)
    torch.nn.init.normal_(layer.e)
    features = torch.randn(2, 4, 3)
    neighbors = {0: [0, 1], 1: [0, 1, 2], 2: [1, 2, 3], 3: [2, 3]}
    logits = iter(layer.e[0].tolist())
    expected = layer.bias.repeat(2, 4, 1).clone()
    for i, around in neighbors.items():
        raw = np.exp([next(logits) for _ in around])
        for j, weight in zip(around, raw / raw.sum(), strict=True):
            expected[:, i] += float(weight) * (features[:, j] @ layer.W[0 if i == j else 1])
    torch.testing.assert_close(layer(features), expected)


@pytest.mark.parametrize("name", ["mpii16", "shared13"])
def test_joint_sets_give_one_feature_per_joint_and_gradients_everywhere(name: str) -> None:
    joints = joint_set(name)
    network = SemGCN(len(joints), joints.edges, width=8, out_dim=6, n_layers=2)
    output = network(torch.randn(3, len(joints), 2))
    output.square().sum().backward()
    assert output.shape == (3, len(joints), 6)
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_a_joint_without_limbs_sees_only_itself() -> None:
    network = SemGCN(3, [(0, 1)], width=4, out_dim=4, n_layers=1).eval()
    torch.testing.assert_close(network.gconv_output.attention()[2], torch.tensor([0.0, 0.0, 1.0]))
    joints = torch.randn(1, 3, 2)
    moved = joints.clone()
    moved[0, 0] += 1
    assert torch.equal(network(joints)[0, 2], network(moved)[0, 2])


def test_all_joints_in_one_point_stay_finite() -> None:
    network = SemGCN(16, joint_set("mpii16").edges, width=8, out_dim=8)
    assert network(torch.zeros(1, 16, 2)).isfinite().all()


def test_an_edge_outside_the_joints_is_refused() -> None:
    with pytest.raises(UsageError, match=r"edge \(0, 13\).*0\.\.12"):
        SemGCN(13, [(0, 13)])
