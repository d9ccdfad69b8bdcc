"""The two cameras of a Kinect v2 as fitted models: depth px and depth in, color px out.

Axes here are the image's: x right, y down, z forward, meters, from the depth camera. Camera space as NTU writes
it has y up; `image_axes` converts. NTU's frames are mirrored, and so is camera space: nothing here needs to know.
"""

from __future__ import annotations

from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE

Vector3: TypeAlias = tuple[float, float, float]
Floats: TypeAlias = NDArray[np.floating]

_Float = TypeVar("_Float", np.float32, np.float64)

_NEWTON_STEPS: Final = 12
_MODEL = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def image_axes(xyz: Floats) -> NDArray[np.float64]:
    """Turn camera-space points (..., 3), y up, into the axes of this module, y down."""
    return np.asarray(xyz, np.float64) * (1.0, -1.0, 1.0)


class DepthCamera(BaseModel):
    """A pinhole with radial distortion; what the sensor's own software uses, to 0.0001 px.

    A ray (a, b) = (x/z, y/z) of squared length q is seen at (fx a d + cx, fy b d + cy), d = 1 + k1 q + k2 q^2 + k3 q^3.
    """

    model_config = _MODEL

    fx: float = Field(gt=0, description="focal length, px")
    fy: float = Field(gt=0, description="focal length, px")
    cx: float = Field(description="principal point, px")
    cy: float = Field(description="principal point, px")
    k1: float = Field(default=0.0, description="radial distortion")
    k2: float = Field(default=0.0, description="radial distortion")
    k3: float = Field(default=0.0, description="radial distortion")

    def project(self, points: Floats) -> NDArray[np.float64]:
        """Project (..., 3) points in image axes, meters, z > 0, to (..., 2) px of the depth frame."""
        rays = points[..., :2] / points[..., 2:]
        q = (rays**2).sum(axis=-1, keepdims=True)
        rays = rays * (1.0 + q * (self.k1 + q * (self.k2 + q * self.k3)))
        return np.asarray(rays * (self.fx, self.fy) + (self.cx, self.cy), np.float64)

    def rays(self, xy: Floats) -> NDArray[np.float64]:
        """Return the rays (..., 2), x/z and y/z, of depth px (..., 2): the inverse of `project`, by Newton steps."""
        seen = (xy - np.array([self.cx, self.cy])) / (self.fx, self.fy)
        far = np.sqrt((seen**2).sum(axis=-1, keepdims=True))
        radius = far
        for _ in range(_NEWTON_STEPS):
            q = radius**2
            value = radius * (1.0 + q * (self.k1 + q * (self.k2 + q * self.k3)))
            slope = 1.0 + q * (3.0 * self.k1 + q * (5.0 * self.k2 + q * 7.0 * self.k3))
            radius = np.clip(radius - (value - far) / np.maximum(slope, 0.1), 0.0, 2.0 * far)
        return np.asarray(seen * np.divide(radius, far, out=np.ones_like(far), where=far > 0), np.float64)

    def is_invertible(self) -> bool:
        """Whether the distortion grows all the way to the corners, so that every px has one ray."""
        corners = np.array([[0.0, 0.0], [DEPTH_SIZE[0] - 1.0, DEPTH_SIZE[1] - 1.0]])
        seen = (corners - (self.cx, self.cy)) / (self.fx, self.fy)
        reach = float(np.linalg.norm(np.abs(seen).max(axis=0)))
        q = np.linspace(0.0, 1.5 * reach, 200) ** 2
        slope = 1.0 + q * (3.0 * self.k1 + q * (5.0 * self.k2 + q * 7.0 * self.k3))
        value = np.sqrt(q) * (1.0 + q * (self.k1 + q * (self.k2 + q * self.k3)))
        rising = np.logical_and.accumulate(slope > 0.1)
        return bool(value[rising].max() >= reach)


class ColorCamera(BaseModel):
    """A pinhole with one distortion term, and its pose: what turns points of the depth camera into color px."""

    model_config = _MODEL

    fx: float = Field(gt=0, description="focal length, px")
    fy: float = Field(gt=0, description="focal length, px")
    cx: float = Field(description="principal point, px")
    cy: float = Field(description="principal point, px")
    k1: float = Field(default=0.0, description="radial distortion")
    rotation: Vector3 = Field(description="rotation vector from the depth to the color camera, rad, image axes")
    translation: Vector3 = Field(description="translation from the depth to the color camera, m, image axes")

    @property
    def baseline(self) -> float:
        """The distance between the two cameras, meters."""
        return float(np.linalg.norm(self.translation))

    def rotation_matrix(self) -> NDArray[np.float64]:
        """Return the (3, 3) rotation from the depth to the color camera."""
        from scipy.spatial.transform import Rotation  # where used: most processes that are started never need it

        return np.asarray(Rotation.from_rotvec(self.rotation).as_matrix(), np.float64)

    def project(self, points: Floats) -> NDArray[np.float64]:
        """Project (..., 3) points of the *depth* camera, image axes, meters, to (..., 2) color px."""
        moved = points @ self.rotation_matrix().T + np.asarray(self.translation)
        return self.project_own(moved)

    def project_own(self, points: NDArray[_Float]) -> NDArray[_Float]:
        """Project (..., 3) points given in the color camera's own axes to (..., 2) color px, same float type."""
        z = points[..., 2]
        a, b = points[..., 0] / z, points[..., 1] / z
        stretch = self.k1 * (a * a + b * b) + 1.0
        pixels = np.empty((*points.shape[:-1], 2), points.dtype)
        pixels[..., 0] = self.fx * (a * stretch) + self.cx
        pixels[..., 1] = self.fy * (b * stretch) + self.cy
        return pixels


class RegisteredModel(BaseModel):
    """Both cameras of a rig: where in the color frame a depth pixel finds its color."""

    model_config = _MODEL

    depth: DepthCamera
    color: ColorCamera

    def color_xy(self, depth_xy: Floats, z: Floats) -> NDArray[np.float64]:
        """Map depth px (..., 2) at depths z (...), meters > 0, to color px (..., 2)."""
        rays = self.depth.rays(depth_xy)
        points = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1) * np.asarray(z)[..., None]
        return self.color.project(points)
