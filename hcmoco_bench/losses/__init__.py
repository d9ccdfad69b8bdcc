"""Contrastive objectives of the pre-training: sample level, dense, sparse, in-batch; and the memory bank."""

from hcmoco_bench.losses.dense import dense_loss
from hcmoco_bench.losses.in_batch import in_batch_loss, in_batch_sample_level
from hcmoco_bench.losses.memory_bank import MemoryBank
from hcmoco_bench.losses.sample_level import SampleLevelLoss
from hcmoco_bench.losses.sparse_inter import sparse_inter_loss
from hcmoco_bench.losses.sparse_intra import sparse_intra_loss
from hcmoco_bench.losses.term import LossTerm

__all__ = [
    "LossTerm",
    "MemoryBank",
    "SampleLevelLoss",
    "dense_loss",
    "in_batch_loss",
    "in_batch_sample_level",
    "sparse_inter_loss",
    "sparse_intra_loss",
]
