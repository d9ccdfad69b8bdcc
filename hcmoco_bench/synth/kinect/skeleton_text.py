"""Tracked bodies as the text of a `.skeleton` file, byte for byte in the style of the real ones.

Numbers have seven significant digits as the SDK's C# tools print floats (`-7.257856E-05`), lines end with CR LF.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hcmoco_bench.synth.kinect.tracking import TrackedBody

_END = "\r\n"
_JOINT = " ".join(["%.7G"] * 11) + " %d" + _END
_BODY = "%d %d %d %d %d %d %d %.7G %.7G %d" + _END


def format_skeleton(frames: Sequence[Sequence[TrackedBody]]) -> bytes:
    """Format the bodies of every frame of a clip.

    Args:
        frames: Per frame its bodies, in the order in which they are written; a frame may have none.
    """
    text = [f"{len(frames)}{_END}"]
    for bodies in frames:
        text.append(f"{len(bodies)}{_END}")
        text += [_format_body(body) for body in bodies]
    return "".join(text).encode("ascii")


def _format_body(body: TrackedBody) -> str:
    numbers = np.concatenate([body.joints_xyz, body.joints_depth, body.joints_color, body.orientation], -1)
    numbers = numbers.astype(np.float32).astype(np.float64) + 0.0  # no negative zeros
    rows = np.concatenate([numbers, body.tracking[:, None]], -1)
    head = _BODY % (body.body_id, *(body.attributes + 0.0).tolist())
    return head + f"{len(rows)}{_END}" + (_JOINT * len(rows)) % tuple(rows.reshape(-1).tolist())
