"""3DPW (von Marcard et al., ECCV 2018) in its published layout: images of people outdoors with SMPL parameters."""

from hcmoco_bench.sources.pw3d.layout import SPLITS
from hcmoco_bench.sources.pw3d.people import Pw3dPeople, open_pw3d, sequence_of, track_of

__all__ = ["SPLITS", "Pw3dPeople", "open_pw3d", "sequence_of", "track_of"]
