"""The named actions, by what they are like; each writes into a `Draft` of somebody standing at ease."""

from __future__ import annotations

from collections.abc import Callable

from hcmoco_bench.synth.motion.actions.gestures import GESTURES
from hcmoco_bench.synth.motion.actions.hands_to_body import HANDS_TO_BODY
from hcmoco_bench.synth.motion.actions.whole_body import WHOLE_BODY
from hcmoco_bench.synth.motion.draft import Draft

Action = Callable[[Draft], None]

REGISTRY: dict[str, Action] = {**HANDS_TO_BODY, **GESTURES, **WHOLE_BODY}
"""Every action by its name, which is that of NTU RGB+D's list where there is one."""
