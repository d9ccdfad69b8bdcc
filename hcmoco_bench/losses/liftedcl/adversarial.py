"""The least-squares game between what lifts poses and what tells them from real ones.

Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017 (https://arxiv.org/abs/1611.04076), with the
targets 1 for real and 0 for lifted poses, as LiftedCL's release has them (`train_adv.py`).
"""

from __future__ import annotations

from torch import Tensor


def lifting_loss(lifted: Tensor) -> Tensor:
    """() loss of the lifting network: lifted poses shall be taken for real ones.

    Args:
        lifted: (B,) scores of lifted poses.
    """
    return (lifted.float() - 1).square().mean()


def discriminator_losses(lifted: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Two () losses of the discriminator, for lifted and for real poses; the release adds them, without a factor.

    Args:
        lifted: (B,) scores of lifted poses, which must not lead back to the network that lifted them.
        real: (B',) scores of real ones.
    """
    return lifted.float().square().mean(), (real.float() - 1).square().mean()
