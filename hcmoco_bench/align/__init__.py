"""Keypoint correspondences to camera models to RGB in the depth frame."""

from hcmoco_bench.align.calibration import Calibration, RigCalibration, RigFit, calibrate_rig, fit_rig
from hcmoco_bench.align.camera_model import ColorCamera, DepthCamera, RegisteredModel
from hcmoco_bench.align.correspondences import RigPoints, rig_points
from hcmoco_bench.align.homography import apply_homography, fit_homography
from hcmoco_bench.align.registered import consistent_points, fit_registered
from hcmoco_bench.align.residuals import Residual, homography_residuals, registered_residuals
from hcmoco_bench.align.rigs import TreeFit, calibrate, fit_rigs
from hcmoco_bench.align.warp import Mode, align_rgb, color_map

__all__ = [
    "Calibration",
    "ColorCamera",
    "DepthCamera",
    "Mode",
    "RegisteredModel",
    "Residual",
    "RigCalibration",
    "RigFit",
    "RigPoints",
    "TreeFit",
    "align_rgb",
    "apply_homography",
    "calibrate",
    "calibrate_rig",
    "color_map",
    "consistent_points",
    "fit_homography",
    "fit_registered",
    "fit_rig",
    "fit_rigs",
    "homography_residuals",
    "registered_residuals",
    "rig_points",
]
