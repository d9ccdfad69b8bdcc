"""The prior that LiftedCL's authors publish, `norm_joints.pt`: one tensor, read without running anything in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor, strided

from hcmoco_bench.files.tensor_files import TensorFileError, read_torch_file
from hcmoco_bench.priors.prior_file import damaged, foreign, implausible, prior_fault, prior_missing
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior


def read_release(path: Path) -> SkeletonPrior:
    """Read a tensor of skeletons that `torch.save` wrote.

    The file does not say who the skeletons are of. All of the release's are of one body, and so is what this returns.

    Args:
        path: A tensor (N, 17, 3) or (N, 51) joint by joint, of floating numbers, in the order and axes of a prior.

    Raises:
        DataError: Kind `prior_missing`, `prior_damaged`, `prior_foreign` or `prior_implausible`.
    """
    if not path.is_file():
        raise prior_missing(path)
    try:
        content = read_torch_file(path)
    except TensorFileError as error:
        raise (damaged if error.kind == "damaged" else foreign)(path, str(error)) from error
    if not isinstance(content, Tensor):
        raise foreign(path, f"it holds a {type(content).__name__}, not a tensor of skeletons")
    shape = tuple(content.shape)
    if content.layout is not strided or not content.is_floating_point() or shape[1:] not in ((17, 3), (51,)):
        raise foreign(path, f"it holds a tensor {content.dtype} of shape {shape}, not (N, 17, 3) or (N, 51) of floats")
    joints = content.detach().double().numpy().reshape(-1, 17, 3)
    prior = SkeletonPrior.of(
        joints,
        np.zeros(len(joints), np.int32),
        metric=False,
        source=f"LiftedCL's published format: {len(joints)} skeletons of {path.name}",
    )
    fault = prior_fault(prior)
    if fault is not None:
        raise implausible(path, fault)
    return prior
