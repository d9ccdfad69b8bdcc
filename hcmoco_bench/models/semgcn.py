"""SemGCN: a graph network over joints that learns how much each limb matters, per layer.

Zhao et al., "Semantic Graph Convolutional Networks for 3D Human Pose Regression", CVPR 2019
(https://arxiv.org/abs/1904.03345), equations 2 and 3, without the non-local layers, as HCMoCo uses it. The names of the
parameters are those of the published network, so `encoder3` of an HCMoCo checkpoint loads as it is, given the same
edges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hcmoco_bench.errors import UsageError


class SemanticGraphConvolution(nn.Module):
    """One weight for a joint itself and one for its neighbors, mixed by a learned softmax over the graph.

    Args:
        in_dim: Width of the input features.
        out_dim: Width of the output features.
        neighbors: (2, E) int64 rows and columns of the graph's non-zero entries, self-loops included, row by row.
        n_joints: Number of joints.
    """

    neighbors: Tensor

    def __init__(self, in_dim: int, out_dim: int, neighbors: Tensor, n_joints: int) -> None:
        super().__init__()
        self.n_joints = n_joints
        # W[0] acts on the joint itself, W[1] on its neighbors; e holds one logit per entry of the graph.
        self.W = nn.Parameter(torch.empty(2, in_dim, out_dim))
        self.e = nn.Parameter(torch.ones(1, neighbors.shape[1]))
        self.bias = nn.Parameter(torch.empty(out_dim))
        # not part of the state dict: the graph is the caller's, and published state dicts do not hold it
        self.register_buffer("neighbors", neighbors, persistent=False)
        nn.init.xavier_uniform_(self.W, gain=1.414)
        bound = 1 / math.sqrt(out_dim)
        nn.init.uniform_(self.bias, -bound, bound)

    def attention(self) -> Tensor:
        """(J, J) weights: row i is the softmax over joint i and its neighbors; 0 elsewhere."""
        logits = self.e.new_full((self.n_joints, self.n_joints), -math.inf, dtype=torch.float32)
        logits[self.neighbors[0], self.neighbors[1]] = self.e[0].float()
        return logits.softmax(dim=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, J, in_dim) to (B, J, out_dim)."""
        weights = self.attention().to(features.dtype)
        diagonal = weights.diagonal()
        own, others = features @ self.W[0], features @ self.W[1]
        return diagonal[:, None] * own + (weights - diagonal.diag()) @ others + self.bias


class _Layer(nn.Module):
    def __init__(self, in_dim: int, out_dim: int, neighbors: Tensor, n_joints: int) -> None:
        super().__init__()
        self.gconv = SemanticGraphConvolution(in_dim, out_dim, neighbors, n_joints)
        self.bn = nn.BatchNorm1d(out_dim)

    def forward(self, features: Tensor) -> Tensor:
        normed: Tensor = self.bn(self.gconv(features).transpose(1, 2))
        return normed.transpose(1, 2).relu()


class _ResidualBlock(nn.Module):
    def __init__(self, dim: int, neighbors: Tensor, n_joints: int) -> None:
        super().__init__()
        self.gconv1 = _Layer(dim, dim, neighbors, n_joints)
        self.gconv2 = _Layer(dim, dim, neighbors, n_joints)

    def forward(self, features: Tensor) -> Tensor:
        changed: Tensor = self.gconv2(self.gconv1(features))
        return features + changed


class SemGCN(nn.Module):
    """A keypoint encoder: coordinates of joints to one feature vector per joint.

    Args:
        n_joints: Number of joints J.
        edges: Pairs of joint indices that a limb connects, each once, in any order; see `body.joints.joint_set`.
        in_dim: Coordinates per joint.
        width: Width of the hidden layers.
        out_dim: Width of the output; 128 in HCMoCo.
        n_layers: Residual blocks of two graph convolutions; 4 in HCMoCo.

    Raises:
        UsageError: If an edge names a joint outside 0..J-1.
    """

    def __init__(
        self,
        n_joints: int,
        edges: Sequence[tuple[int, int]],
        in_dim: int = 2,
        width: int = 128,
        out_dim: int = 128,
        n_layers: int = 4,
    ) -> None:
        super().__init__()
        self.n_joints = n_joints
        self.out_dim = out_dim
        neighbors = graph_neighbors(n_joints, edges)
        self.gconv_input = nn.Sequential(_Layer(in_dim, width, neighbors, n_joints))
        self.gconv_layers = nn.Sequential(*(_ResidualBlock(width, neighbors, n_joints) for _ in range(n_layers)))
        self.gconv_output = SemanticGraphConvolution(width, out_dim, neighbors, n_joints)

    def forward(self, joints: Tensor) -> Tensor:
        """Features of each joint.

        Args:
            joints: (B, J, in_dim) float coordinates as `data.normalize.normalize_joints` gives them.

        Returns:
            (B, J, out_dim), without bound and not normalized.
        """
        features: Tensor = self.gconv_output(self.gconv_layers(self.gconv_input(joints)))
        return features


def graph_neighbors(n_joints: int, edges: Sequence[tuple[int, int]]) -> Tensor:
    """(2, E) int64 rows and columns of the symmetric graph with self-loops, row by row."""
    graph = torch.eye(n_joints, dtype=torch.bool)
    for a, b in edges:
        if not (0 <= a < n_joints and 0 <= b < n_joints):
            raise UsageError(f"edge ({a}, {b}) names a joint outside 0..{n_joints - 1}")
        graph[a, b] = graph[b, a] = True
    return graph.nonzero().T.contiguous()
