"""The same clip from CPU and GPU: the CPU is the reference, a GPU may differ in last digits only."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import warp as wp

from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.synth.kinect.warp_runtime import pick_device, start_warp
from hcmoco_bench.synth.ntu.clip import ClipMaker

CLIP = ClipName.parse("S004C002P011R001A058")
N_FRAMES = 3


def _make(device, *, noise):
    maker = ClipMaker(2, CLIP, N_FRAMES, noise=noise, device=device, truth=True)
    frames = list(maker.frames())
    return frames, maker.bodies()


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    start_warp()
    if request.param == "cuda" and not wp.is_cuda_available():
        pytest.skip("no CUDA device here")
    return pick_device(request.param)


@pytest.mark.parametrize("noise", [False, True])
def test_devices_agree(device, noise):
    expected, bodies = _make("cpu", noise=noise)
    frames, found = _make(device, noise=noise)
    for one, other in zip(frames, expected, strict=True):
        assert (one.parts == other.parts).mean() > 0.9999
        both = (one.depth > 0) & (other.depth > 0)
        assert ((one.depth > 0) == (other.depth > 0)).mean() > 0.9995
        change = np.abs(one.depth[both].astype(int) - other.depth[both])
        assert (change <= 1).mean() > 0.995
        colors = np.abs(one.planes.astype(int) - other.planes)
        assert (colors <= 3).mean() > 0.999
        if device == "cpu":
            np.testing.assert_array_equal(one.planes, other.planes)
            np.testing.assert_array_equal(one.depth, other.depth)
    assert [len(frame) for frame in found] == [len(frame) for frame in bodies]
    assert any(frame.parts.any() for frame in frames)


@pytest.mark.parametrize("name", ["kinect.raycast", "room.lighting", "kinect.shading", "kinect.people", "room.shadows"])
def test_kernels_compile_for_cuda(name, tmp_path):
    # The compiler for GPUs needs no GPU, so that a kernel that only a CPU understands is found anywhere.
    if not hasattr(wp, "compile_aot_module"):
        pytest.skip("this version of Warp does not compile ahead of time")
    module = importlib.import_module(f"hcmoco_bench.synth.{name}")
    try:
        wp.compile_aot_module(module, arch=80, module_dir=tmp_path)
    except RuntimeError as error:
        if "without CUDA" in str(error):
            pytest.skip("this build of Warp has no CUDA compiler")
        raise
    assert list(tmp_path.glob("*.cubin")) or list(tmp_path.glob("*.ptx"))
