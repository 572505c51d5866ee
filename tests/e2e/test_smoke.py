"""`make smoke`, as a person types it: from simulated cameras to the audit log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demo.footage import cache_folder, ensure_streams
from scripts.say import MissingPrerequisiteError

ROOT = Path(__file__).resolve().parents[2]


def test_the_smoke_test_holds_from_camera_to_audit_log() -> None:
    try:
        ensure_streams(cache_folder())
    except MissingPrerequisiteError as error:
        pytest.skip(f"the demo footage cannot be had: {error}")
    done = subprocess.run(
        [sys.executable, "-m", "demo.smoke"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["ok"] is True
    assert result["clip_covers_trigger"] is True
    assert result["clip_reencoded"] is False
    assert result["clip_frames"] > 100
    assert result["cross_kampung_leaks"] == 0
    assert max(result["first_alert_s"], result["loitering_s"], result["occupancy_s"]) <= 60
