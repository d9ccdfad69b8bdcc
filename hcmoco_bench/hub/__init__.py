"""Prepared store to Hugging Face dataset: publish, join, push.

Imports are lazy inside the modules: `datasets` and `huggingface_hub` take seconds to import.
"""

from hcmoco_bench.hub.publication import Publication
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.hub.push import PushTarget, push

__all__ = ["Publication", "Published", "PushTarget", "publish", "push"]
