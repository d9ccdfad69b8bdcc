"""Human3.6M's files in small, written without the package: videos, and labels as MATLAB 7.3 stores a cell array."""

from __future__ import annotations

from pathlib import Path

import av
import h5py
import numpy as np

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
