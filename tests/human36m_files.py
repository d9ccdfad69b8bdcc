"""Human3.6M's files in small, written without the package: videos, and labels as MATLAB 7.3 stores a cell array."""

from __future__ import annotations

from pathlib import Path

import av
import h5py
import numpy as np
from cdflib.cdfwrite import CDF

RAW = (0, 1, 2, 3, 6, 7, 8, 17, 18, 19, 25, 26, 27, 32, 33, 34, 38, 39, 43, 44, 46, 49, 50, 56, 58)
"""Raw label ids in class order, as published."""


def raw_labels(number: int, size: tuple[int, int] = (32, 24)) -> np.ndarray:
    """(H, W) uint8 raw ids that differ from frame to frame and in no symmetric way; width and height as `size`."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    return np.array(RAW, np.uint8)[(rows + 3 * columns + number) % len(RAW)]


def write_mat(path: Path, images: list[np.ndarray]) -> None:
    """Each image is a cell; MATLAB's columns come first, so that HDF5 shows it turned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = [file.create_dataset(f"#refs#/c{i}", data=image.T) for i, image in enumerate(images)]
        references = np.empty((len(cells), 1), h5py.ref_dtype)
        for i, cell in enumerate(cells):
            references[i, 0] = cell.ref
        file.create_dataset("Feat", data=references, dtype=h5py.ref_dtype)


def write_mp4(path: Path, n_frames: int, size: tuple[int, int] = (32, 24), *, b_frames: int = 2) -> None:
    """Gray images, each 8 levels brighter than the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=50, options={"crf": "10", "bf": str(b_frames), "threads": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(n_frames):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), brightness(number), np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def brightness(number: int) -> int:
    """Level of a frame."""
    return 20 + 8 * (number % 25)


def write_recording(root: Path, subject: int, stem: str, n_frames: int, *, labels: int | None = None) -> None:
    """A video and its labels, at the places they are extracted to."""
    write_mp4(root / f"S{subject}" / "Videos" / f"{stem}.mp4", n_frames)
    count = n_frames if labels is None else labels
    write_mat(
        root / f"S{subject}" / "MySegmentsMat" / "PartLabels" / f"{stem}.mat", [raw_labels(i) for i in range(count)]
    )


INTRINSICS = (28.0, 30.0, 15.0, 11.0)
"""fx, fy, cx, cy px of the camera that sees `standing_people`, for videos of 32x24 px."""


def standing_people(n_frames: int) -> np.ndarray:
    """(F, 32, 3) mm in the camera's coordinates, each frame another pose; whole numbers, thighs of about 400 mm."""
    rng = np.random.default_rng(0)
    joints = rng.uniform([-800, -700, 4000], [800, 700, 5000], (n_frames, 32, 3))
    joints[:, [2, 7]] = joints[:, [1, 6]] + [0, 400, 0]
    return np.round(joints)


def seen(joints: np.ndarray, intrinsics: tuple[float, ...] = INTRINSICS) -> np.ndarray:
    """(F, J, 2) px of joints in the camera's coordinates, y down."""
    return np.array(intrinsics[:2]) * joints[..., :2] / joints[..., 2:] + np.array(intrinsics[2:])


def write_cdf(path: Path, values: np.ndarray) -> None:
    """A CDF file with one record of `Pose`, in double precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    flat = values.reshape(1, len(values), -1).astype(np.float64)
    about = {"Variable": "Pose", "Data_Type": CDF.CDF_DOUBLE, "Num_Elements": 1, "Rec_Vary": True}
    with CDF(path) as file:
        file.write_var(about | {"Dim_Sizes": list(flat.shape[1:]), "Compress": 0}, var_data=flat)


def position_paths(root: Path, subject: int, stem: str) -> tuple[Path, Path]:
    """Where the positions and the projections of a recording belong."""
    base = root / f"S{subject}" / "MyPoseFeatures"
    return base / "D3_Positions_mono" / f"{stem}.cdf", base / "D2_Positions" / f"{stem}.cdf"


def write_poses(root: Path, subject: int, stem: str, joints: np.ndarray) -> None:
    """The positions of a recording and what the camera sees of them."""
    places, planes = position_paths(root, subject, stem)
    write_cdf(places, joints)
    write_cdf(planes, seen(joints))
