"""Format constants of raw NTU RGB+D and of the published NTURGBD-Parsing-4K, as both are released."""

from __future__ import annotations

COLOR_SIZE = (1920, 1080)
"""Width and height of the RGB video, px."""

DEPTH_SIZE = (512, 424)
"""Width and height of the depth images (and of everything in the depth frame), px."""

FRAME_RATE = 30
"""Frames a second of video, depth and skeletons."""

RGB_SUFFIX = "_rgb.avi"
"""A clip's video is `<clip>_rgb.avi`."""

SKELETON_SUFFIX = ".skeleton"
"""A clip's skeletons are `<clip>.skeleton`."""

DEPTH_PATTERN = "MDepth-{frame:08d}.png"
"""A clip's masked depth frames are `<clip>/MDepth-%08d.png`, counted from 1; 16 bit, mm, 0 = none."""

DEPTH_NAME = r"MDepth-(\d{8})\.png"
"""Matches the names of `DEPTH_PATTERN`."""

UNMASKED_PREFIX = "Depth-"
"""Begins the names of unmasked depth frames, which are published as well and not used."""

RGB_FOLDER, DEPTH_FOLDER, SKELETON_FOLDER = "nturgb+d_rgb", "nturgb+d_depth_masked", "nturgb+d_skeletons"
"""The folders that the downloaded archives extract to."""

MASK_FOLDER = "png_annotation_v2"
"""The published part masks are `png_annotation_v2/<sample id>.png`, paletted, holding raw label ids."""

GENERATED_MARK = "GENERATED.json"
"""A folder that holds this file, and all below it, was generated and is not licensed data."""
