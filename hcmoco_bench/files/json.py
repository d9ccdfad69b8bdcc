"""JSON as every file of this program is written: the same values give the same bytes."""

from __future__ import annotations

import json
from typing import Any


def dump_json(value: Any) -> str:
    """Indented JSON with sorted keys and a final newline; letters beyond ASCII stay as they are."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
