"""A small raw tree written by hand: real AVI, PNG and skeleton text, with one moving person in it.

It shares no code with the generator of `hcmoco_bench.synth`, so that the two check each other.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

# A person with arms hanging, Kinect's 25 joints, meters from the spine base: x right, y up.
PERSON = np.array(
    [
        [0.00, 0.00, 0.0], [0.00, 0.30, 0.0], [0.00, 0.55, 0.0], [0.00, 0.70, 0.0],
        [-0.18, 0.45, 0.0], [-0.25, 0.20, 0.0], [-0.27, -0.05, 0.0], [-0.27, -0.13, 0.0],
        [0.18, 0.45, 0.0], [0.25, 0.20, 0.0], [0.27, -0.05, 0.0], [0.27, -0.13, 0.0],
        [-0.10, -0.02, 0.0], [-0.12, -0.42, 0.0], [-0.12, -0.82, 0.0], [-0.12, -0.88, -0.1],
        [0.10, -0.02, 0.0], [0.12, -0.42, 0.0], [0.12, -0.82, 0.0], [0.12, -0.88, -0.1],
        [0.00, 0.50, 0.0], [-0.27, -0.20, 0.0], [-0.24, -0.12, 0.0], [0.27, -0.20, 0.0], [0.24, -0.12, 0.0],
    ]
)  # fmt: skip

BASELINE = np.array([-0.05, 0.0, 0.0])


def depth_px(xyz: np.ndarray) -> np.ndarray:
    """Project camera-space meters into the 512x424 depth frame."""
    return np.stack([256 + 366 * xyz[..., 0] / xyz[..., 2], 209 - 366 * xyz[..., 1] / xyz[..., 2]], axis=-1)


def color_px(xyz: np.ndarray) -> np.ndarray:
    """Project the depth camera's meters into the 1920x1080 color frame."""
    seen = xyz + BASELINE
    return np.stack([960 + 1058 * seen[..., 0] / seen[..., 2], 540 - 1058 * seen[..., 1] / seen[..., 2]], axis=-1)


def person(frame: int, *, z: float = 3.0, x: float = 0.0) -> np.ndarray:
    """(25, 3) meters: the person, waving with the right arm and swaying to and fro."""
    joints = PERSON.copy()
    joints[[9, 10, 11, 23, 24], 1] += 0.15 * np.sin(frame / 2)
    return joints + np.array([x + 0.2 * np.sin(frame / 5), 0.0, z + 0.4 * np.sin(frame / 7)])


def skeleton_text(frames: Iterable[Sequence[tuple[int, np.ndarray, np.ndarray]]]) -> str:
    """Skeleton text; a frame is a list of (body id, joints (25, 3), tracking states (25,))."""
    frames = list(frames)
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body_id, xyz, states in bodies:
            lines += [f"{body_id} 0 1 1 0 1 0 0.02764709 0.05745083 2", "25"]
            numbers = np.concatenate(
                [xyz, depth_px(xyz), color_px(xyz), np.tile([0.5, 0.5, 0.5, 0.5], (25, 1))], axis=1
            )
            for row, state in zip(numbers, states, strict=True):
                lines.append(" ".join(f"{value:.7g}" for value in row) + f" {state}")
    return "\n".join(lines) + "\n"


TRACKED = np.full(25, 2)


def write_video(path: Path, n_frames: int) -> None:
    """Write a 1920x1080 AVI whose red channel is about 10 times the frame number, with a fixed image below."""
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.bit_rate = 4_000_000
        rows, columns = np.mgrid[:1080, :1920]
        image = np.stack([np.zeros_like(rows), rows // 5, columns // 10], axis=-1).astype(np.uint8)
        for frame in range(1, n_frames + 1):
            image[..., 0] = 10 * frame % 256
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


class RawTree:
    """Writes clips under a root, in the published layout."""

    def __init__(self, root: Path, videos: Callable[[int], Path]) -> None:
        self.root = root
        self._videos = videos
        for folder in ("nturgb+d_rgb", "nturgb+d_depth_masked", "nturgb+d_skeletons", "png_annotation_v2"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def rgb(self, clip: str) -> Path:
        return self.root / "nturgb+d_rgb" / f"{clip}_rgb.avi"

    def depth(self, clip: str, frame: int) -> Path:
        return self.root / "nturgb+d_depth_masked" / clip / f"MDepth-{frame:08d}.png"

    def skeleton(self, clip: str) -> Path:
        return self.root / "nturgb+d_skeletons" / f"{clip}.skeleton"

    def mask(self, sample: str) -> Path:
        return self.masks / f"{sample}.png"

    @property
    def masks(self) -> Path:
        return self.root / "png_annotation_v2"

    def add_clip(self, clip: str, n_frames: int = 12, samples: Sequence[int] = ()) -> None:
        """One clip with depth in all frames and masks for the frames in `samples`."""
        shutil.copyfile(self._videos(n_frames), self.rgb(clip))
        shift = sum(map(int, clip[1:].replace("C", " ").replace("P", " ").replace("R", " ").replace("A", " ").split()))
        bodies = [[(72057594037931000 + shift, person(frame + shift), TRACKED)] for frame in range(n_frames)]
        self.skeleton(clip).write_text(skeleton_text(bodies))
        self.depth(clip, 1).parent.mkdir(exist_ok=True)
        for frame in range(1, n_frames + 1):
            cv2.imwrite(str(self.depth(clip, frame)), self.depth_of(frame, shift))
        for frame in samples:
            cv2.imwrite(str(self.mask(f"{clip}F{frame:03d}")), self.mask_of(frame))

    @staticmethod
    def depth_of(frame: int, shift: int = 0) -> np.ndarray:
        """(424, 512) uint16: a box of a person at 3 m, with the frame's number in its depth."""
        depth = np.zeros((424, 512), np.uint16)
        depth[100:320, 220:300] = 3000 + frame + shift
        return depth

    @staticmethod
    def mask_of(frame: int) -> np.ndarray:
        """(424, 512) uint8 raw label ids: head above, lower spine, right foot below."""
        mask = np.zeros((424, 512), np.uint8)
        mask[100:150, 230:290] = 46
        mask[150 : 200 + frame, 230:290] = 43
        mask[300:320, 240:260] = 3
        return mask

    def write_lists(self, train: Sequence[str], test: Sequence[str]) -> Path:
        """A folder with sample lists of the published names and form, and their declaration."""
        from hcmoco_bench.sources.ntu.lists import declare_splits

        folder = self.root / "lists"
        folder.mkdir(exist_ok=True)
        cut = -(-len(train) // 5)
        for name, ids in {
            "train_list_v2.txt": train,
            "val_list_v2.txt": test,
            "train_list_v3.txt": train[:cut],
            "val_list_v3.txt": test[:cut],
        }.items():
            (folder / name).write_text("".join(f"images/{sample}.jpg\n" for sample in ids))
        (folder / "splits.toml").write_text(declare_splits(folder, "handmade"))
        return folder


CLIPS = ("S001C001P001R001A001", "S001C001P001R001A002", "S001C002P002R001A001", "S002C001P003R002A060")
TRAIN = tuple(f"{clip}F{frame:03d}" for clip in CLIPS[:2] for frame in (3, 7))
TEST = tuple(f"{clip}F{frame:03d}" for clip in CLIPS[2:] for frame in (2, 5))


PREPARE = """
import sys
from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import HcmocoBenchError
try:
    app(["prepare", "ntu", *sys.argv[1:]])
except HcmocoBenchError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def prepare_arguments(tree: RawTree, out: Path, *more: str) -> list[str]:
    """Command line of a Python process that prepares a raw tree."""
    return [sys.executable, "-c", PREPARE, *prepare_options(tree, out, *more)]


def prepare_options(tree: RawTree, out: Path, *more: str) -> list[str]:
    """Options with which `prepare ntu` prepares a raw tree, quietly, without masks if it has none."""
    arguments = ["--root", str(tree.root), "--lists", str(tree.root / "lists"), "--out", str(out), "--quiet"]
    if any(tree.masks.iterdir()):
        arguments += ["--annotations", str(tree.masks)]
    return [*arguments, *more]


def folder_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder, hidden ones included."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
