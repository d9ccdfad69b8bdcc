"""The calibration of a rig (one setup's camera), and of all rigs: what is fitted, how well, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hcmoco_bench.align.camera_model import RegisteredModel
from hcmoco_bench.align.correspondences import MIN_RIG_POINTS, RigPoints, require_enough
from hcmoco_bench.align.homography import fit_homography
from hcmoco_bench.align.registered import consistent_points, fit_registered
from hcmoco_bench.align.residuals import Residual, held_out, homography_residuals, registered_residuals
from hcmoco_bench.errors import CalibrationError, DataError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.sources.ntu.names import Rig

HOMOGRAPHY_LIMIT_PX: Final = 6.0
"""A homography that misses held-out joints by more than this on average is not one rig's. Parallax explains about
1 px over many clips, and 5 px if it was fitted at 2 m and is judged at 4.5 m."""

REGISTERED_LIMIT_PX: Final = 0.5
"""A registered model that misses held-out joints by more than this on average is not used; real rigs reach 0.01."""

_MODEL = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

Vector3: TypeAlias = tuple[float, float, float]


class Residuals(BaseModel):
    """The residuals of both modes on the same held-out joints."""

    model_config = _MODEL

    homography: Residual
    registered: Residual | None = Field(description="null if the rig has no registered model")


class RigCalibration(BaseModel):
    """What was fitted for one rig.

    The residuals are of a fit without the held-out joints; the parameters kept are of a fit on all joints.
    """

    model_config = _MODEL

    rig: str = Field(pattern=r"^S\d{3}C\d{3}$", description="setup and camera, e.g. S001C001")
    n_clips: int = Field(description="clips that gave joints")
    n_points: int = Field(description="tracked joints used, outliers included")
    n_outliers: int = Field(description="joints among them whose three positions contradict the others'")
    homography: tuple[Vector3, Vector3, Vector3] = Field(description="3x3, color px to depth px")
    registered: RegisteredModel | None = Field(description="both cameras; null if they could not be fitted")
    registered_problem: str | None = Field(default=None, description="why there is no registered model")
    residuals: Residuals


class Calibration(BaseModel):
    """The calibrations of all rigs of a tree."""

    model_config = _MODEL

    format: Literal[1] = 1
    seed: int
    rigs: dict[str, RigCalibration] = Field(description="by rig, sorted")

    def rig(self, rig: Rig) -> RigCalibration:
        """Return a rig's calibration; CalibrationError if it has none."""
        try:
            return self.rigs[str(rig)]
        except KeyError:
            raise CalibrationError(f"{rig} is not calibrated; see its problem line") from None

    def to_json(self) -> str:
        """Return the file's text: indented, rigs sorted, a final newline; the same calibration, the same bytes."""
        ordered = self.model_copy(update={"rigs": dict(sorted(self.rigs.items()))})
        return ordered.model_dump_json(indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Write the file atomically; StoreError if it cannot be written."""
        write_atomic(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a file written by `save`; DataError (`calibration_missing`, `calibration_unreadable`) otherwise."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}); `hcmoco-bench calibrate` writes it",
                kind="calibration_missing",
                file=str(path),
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise DataError(
                f"{path}: {where}: {first['msg']}; write it anew with `hcmoco-bench calibrate`",
                kind="calibration_unreadable",
                file=str(path),
            ) from error


@dataclass(frozen=True)
class RigFit:
    """A rig's calibration with the held-out joints it was judged by.

    Attributes:
        calibration: The calibration.
        depth_xy: (N, 2) px, the held-out joints in the depth frame.
        homography: (N, 2) px of the depth frame, residual vectors of the homography.
        registered: The same for the registered model; None if there is none.
    """

    calibration: RigCalibration
    depth_xy: NDArray[np.float64]
    homography: NDArray[np.float64]
    registered: NDArray[np.float64] | None


def calibrate_rig(points: RigPoints, *, seed: int) -> RigCalibration:
    """Fit the homography and, if possible, the registered model of a rig. See `fit_rig`."""
    return fit_rig(points, seed=seed).calibration


def fit_rig(points: RigPoints, *, seed: int) -> RigFit:
    """Fit both modes of a rig and measure both on joints that the measured fit has not seen.

    Args:
        points: The rig's tracked joints.
        seed: With the rig's name, decides every random choice.

    Returns:
        The calibration and its held-out residuals.

    Raises:
        CalibrationError: kind `rig_too_few_points` or `rig_bad_fit`; the message starts with the rig.
    """
    rng = np.random.default_rng([seed, points.rig.setup, points.rig.camera])
    try:
        return _fit_rig(points, rng)
    except CalibrationError as error:
        raise CalibrationError(f"{points.rig}: {error}", kind=error.kind) from error


def _fit_rig(points: RigPoints, rng: np.random.Generator) -> RigFit:
    problem: CalibrationError | None = None
    require_enough(len(points), MIN_RIG_POINTS)
    try:
        agreeing = consistent_points(points, rng=rng)
    except CalibrationError as error:
        # The 3-D positions may be what is wrong; the homography does not need them.
        problem = error
        _, agreeing = fit_homography(points.color_xy, points.depth_xy, rng=rng)
    kept = points.select(agreeing)
    test = held_out(kept, rng)
    if not test.any():
        raise CalibrationError(
            "all tracked joints are of one frame, none can be held out; add clips of this rig",
            kind="rig_too_few_points",
        )
    seen, unseen = kept.select(~test), kept.select(test)

    trial, _ = fit_homography(seen.color_xy, seen.depth_xy, rng=rng)
    plane_vectors = homography_residuals(trial, unseen)
    plane = Residual.of(plane_vectors)
    _require_fit("the homography", plane, HOMOGRAPHY_LIMIT_PX)
    homography, _ = fit_homography(kept.color_xy, kept.depth_xy, rng=rng)

    model, vectors = None, None
    if problem is None:
        try:
            vectors = registered_residuals(fit_registered(seen), unseen)
            _require_fit("the registered model", Residual.of(vectors), REGISTERED_LIMIT_PX)
            model = fit_registered(kept)
        except CalibrationError as error:
            problem, vectors = error, None
    calibration = RigCalibration(
        rig=str(points.rig),
        n_clips=len(np.unique(points.clip)),
        n_points=len(points),
        n_outliers=int((~agreeing).sum()),
        homography=_rounded(homography.tolist()),
        registered=None if model is None else RegisteredModel.model_validate(_rounded(model.model_dump())),
        registered_problem=None if problem is None else str(problem),
        residuals=Residuals(homography=plane, registered=None if vectors is None else Residual.of(vectors)),
    )
    return RigFit(calibration, unseen.depth_xy, plane_vectors, vectors)


def _require_fit(what: str, residual: Residual, limit: float) -> None:
    if residual.mean > limit:
        raise CalibrationError(
            f"{what} misses held-out joints by {residual.mean:.2f} px on average, more than {limit:g}; "
            "are all clips of one rig, and their files undamaged?"
        )


def _rounded(value: Any) -> Any:
    """Every float to ten significant digits: beyond what is measured, short of what differs between libraries."""
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_rounded(entry) for entry in value)
    return float(f"{value:.10g}")
