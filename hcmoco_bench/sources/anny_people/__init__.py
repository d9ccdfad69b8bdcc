"""Images of generated people with the parameters of their Anny bodies, as `hcmoco-bench synth shape` writes them."""

from hcmoco_bench.sources.anny_people.layout import SPLITS
from hcmoco_bench.sources.anny_people.people import AnnyPeople, open_people

__all__ = ["SPLITS", "AnnyPeople", "open_people"]
