"""What generated people wear: garments as regions and offsets of the body's surface, baked into one texture."""

from hcmoco_bench.synth.clothing.outfit import Outfit
from hcmoco_bench.synth.clothing.wardrobe import sample_outfit

__all__ = ["Outfit", "sample_outfit"]
