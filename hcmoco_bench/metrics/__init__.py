"""One evaluator per family of metrics: `reset`, `update`, `compute`, and the per-sample evidence behind its scores."""

from hcmoco_bench.metrics.joint_accuracy import (
    JointAccuracyMetric,
    JointAccuracyScores,
    joint_accuracy_per_joint,
    joint_accuracy_scores,
)
from hcmoco_bench.metrics.keypoints import KeypointMetric, keypoint_scores
from hcmoco_bench.metrics.pckh import PckhMetric, pckh_per_joint, pckh_scores
from hcmoco_bench.metrics.pose3d import PoseErrorMetric, PoseErrors, pose_error_scores
from hcmoco_bench.metrics.procrustes import Similarity, procrustes
from hcmoco_bench.metrics.segmentation import (
    SegmentationMetric,
    SegmentationScores,
    segmentation_per_class,
    segmentation_scores,
)

__all__ = [
    "JointAccuracyMetric",
    "JointAccuracyScores",
    "KeypointMetric",
    "PckhMetric",
    "PoseErrorMetric",
    "PoseErrors",
    "SegmentationMetric",
    "SegmentationScores",
    "Similarity",
    "joint_accuracy_per_joint",
    "joint_accuracy_scores",
    "keypoint_scores",
    "pckh_per_joint",
    "pckh_scores",
    "pose_error_scores",
    "procrustes",
    "segmentation_per_class",
    "segmentation_scores",
]
