"""Stores of NTU RGB+D."""

from hcmoco_bench.store.arrays.samples import N_JOINTS
from hcmoco_bench.store.kinds.ntu.columns import BODY, NAME_COLUMNS, store_schema
from hcmoco_bench.store.kinds.ntu.kind import CALIBRATION_FILE, NTU, RIG_PROBLEMS_FILE, NtuKind, NtuStore
from hcmoco_bench.store.kinds.ntu.manifest import LICENSE_NTU, GeneratedPeople, Inputs, Lists, NtuManifest, Source
from hcmoco_bench.store.kinds.ntu.options import AlignMode, PrepareOptions, SampleSet

__all__ = [
    "BODY",
    "CALIBRATION_FILE",
    "LICENSE_NTU",
    "NAME_COLUMNS",
    "NTU",
    "N_JOINTS",
    "RIG_PROBLEMS_FILE",
    "AlignMode",
    "GeneratedPeople",
    "Inputs",
    "Lists",
    "NtuKind",
    "NtuManifest",
    "NtuStore",
    "PrepareOptions",
    "SampleSet",
    "Source",
    "store_schema",
]
