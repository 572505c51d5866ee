"""Where the third-party footage, tracks and weights lie that evaluations and tests read.

`tests/data.toml` lists the files with their SHA-256. None of them is part of the product, and none is downloaded.
"""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "KENTONGAN_TEST_DATA"
DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Beside the checkout."""


def data_folder() -> Path:
    """The folder that KENTONGAN_TEST_DATA names, else `../shared/data` beside the checkout; it need not exist."""
    named = os.environ.get(VARIABLE, "")
    return Path(named).expanduser().resolve() if named else DEFAULT
