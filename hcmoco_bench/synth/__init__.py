"""Generated people in front of a simulated Kinect v2, written in the raw layouts; needs the extra `synth`.

Importing any module of this package without the extra raises `hcmoco_bench.errors.MissingExtraError`.
"""

from hcmoco_bench.synth.requirements import require_synth

require_synth()
