"""The home folder: where prepared stores, runs and what is made once are by default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

HOME: Final = Path(os.environ.get("HCMOCO_HOME", "hcmoco-data"))
"""`HCMOCO_HOME`, or `hcmoco-data` in the working directory."""
