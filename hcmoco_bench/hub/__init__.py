"""Prepared store to Hugging Face dataset: publish, join, push.

`datasets` and `huggingface_hub` are imported when they are needed: they are slow to import.
"""

from hcmoco_bench.hub.fetch import fetch_publication
from hcmoco_bench.hub.join import Joined, join
from hcmoco_bench.hub.publication import Publication
from hcmoco_bench.hub.publish import Published, publish
from hcmoco_bench.hub.push import PushTarget, push

__all__ = ["Joined", "Publication", "Published", "PushTarget", "fetch_publication", "join", "publish", "push"]
