"""Whether a downloaded clip is what its reference says and what the camera sent."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import av

from demo.nal import is_cut_from, slice_digests

if TYPE_CHECKING:
    from demo.console_client import Json


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What was measured on the clip's bytes; `faults` describes each deviation."""

    covers_trigger: bool
    frames: int
    duration_s: float
    reencoded: bool
    faults: list[str] = field(default_factory=list)

    def as_json(self) -> Json:
        """The facts under the names that `make smoke` reports."""
        return {
            "clip_covers_trigger": self.covers_trigger,
            "clip_frames": self.frames,
            "clip_duration_s": round(self.duration_s, 3),
            "clip_reencoded": self.reencoded,
        }


def check_clip(content: bytes, reference: Json, source: Path) -> ClipFacts:
    """Decode every frame of `content`, compare it with its `reference`, and its slices with the camera's `source`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        path.write_bytes(content)
        times, starts_on_keyframe = _decode(path)
        reencoded = not is_cut_from(slice_digests(path), slice_digests(source))
    frame_s = (times[-1] - times[0]) / max(1, len(times) - 1) if times else 0.0
    duration_s = times[-1] - times[0] + frame_s if times else 0.0
    trigger_s = float(reference["trigger_offset_s"])
    inside = bool(times) and times[0] <= trigger_s <= times[-1] + frame_s
    in_gap = any(gap["starts_s"] < trigger_s < gap["ends_s"] for gap in reference["gaps"])
    faults = [
        fault
        for wrong, fault in (
            (hashlib.sha256(content).hexdigest() != reference["sha256"], "its SHA-256 is not the announced one"),
            (len(content) != reference["size_bytes"], f"{len(content)} bytes, announced {reference['size_bytes']}"),
            (len(times) != reference["frame_count"], f"{len(times)} frames, announced {reference['frame_count']}"),
            (not starts_on_keyframe, "it does not start on a keyframe"),
            (not reference["verified"], "the server has not verified it"),
            (reference["redacted"], "it is marked as redacted although its camera has no mask"),
            (not inside or in_gap, f"the trigger at {trigger_s:.2f} s is not inside {duration_s:.2f} s of clip"),
            (reencoded, "its slices are not the camera's"),
        )
        if wrong
    ]
    return ClipFacts(inside and not in_gap, len(times), duration_s, reencoded, faults)


def _decode(path: Path) -> tuple[list[float], bool]:
    """Presentation times of all frames in seconds, and whether the first is a keyframe."""
    times: list[float] = []
    first_is_keyframe = False
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if not times:
                first_is_keyframe = bool(frame.key_frame)
            times.append(float(frame.time or 0.0))
    return times, first_is_keyframe
