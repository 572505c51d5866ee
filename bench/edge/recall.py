"""What the motion gate loses and saves on real footage: `python -m bench.edge.recall [DATA]`.

Every video of DATA, DATA/video and DATA/mot runs through the worker twice, gated and ungated. Kept is the share of the
ungated worker's boxes (with a score that may start a track) that the gated worker has at the same moment; skipped is
the share of detector runs saved. The last line is one JSON object.
"""

from __future__ import annotations

import json
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import av
import numpy as np
import typer
from av.video.frame import PictureType
from rich.console import Console
from rich.table import Table

from bench.bench_edge import module, run
from bench.data_folder import data_folder
from bench.edge.boxes import boxes_kept, frames_of

SUFFIXES = (".mp4", ".avi", ".mkv")


def as_camera_would(video: Path, scratch: Path) -> Path:
    """The video itself if it is H.264 or H.265, which is what cameras send; otherwise an H.264 copy of high quality."""
    with av.open(str(video)) as source:
        shown = source.streams.video[0]
        if shown.codec_context.name in ("h264", "hevc"):
            return video
        copy = scratch / f"{video.stem}.mp4"
        with av.open(str(copy), "w") as out:
            stream = out.add_stream("libx264", rate=shown.average_rate, options={"crf": "18"})
            stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "yuv420p"
            stream.codec_context.gop_size = round(2 * float(shown.average_rate or 25))
            stream.codec_context.max_b_frames = 0
            for number, frame in enumerate(source.decode(shown)):
                frame.pts, frame.time_base = number, 1 / Fraction(shown.average_rate or 25)
                frame.pict_type = PictureType.NONE
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return copy


def measure(original: Path, scratch: Path) -> dict[str, Any]:
    """The row of one video."""
    video = as_camera_would(original, scratch)
    gated_trace, ungated_trace = scratch / "gated.json", scratch / "ungated.json"
    gated = run(module("run_worker", str(video), "--trace", str(gated_trace)))
    ungated = run(module("run_worker", str(video), "--ungated", "--trace", str(ungated_trace)))
    everything, some = frames_of(ungated_trace), frames_of(gated_trace)
    kept, total = boxes_kept(everything, some, np.ones(len(everything), np.bool_))
    steps: str = json.loads(gated_trace.read_text("utf-8"))["steps"]
    return {
        "video": video.name,
        "frames": len(everything),
        "skipped": 1.0 - len(some) / max(1, len(everything)),
        "undecoded": steps.count("s") / max(1, len(steps)),
        "boxes": total,
        "kept": kept,
        "cpu": float(gated["cpu_s"]) / float(ungated["cpu_s"]),
        "faults": gated["notes"]["faults"],
    }


def main(
    data: Annotated[
        Path, typer.Argument(help="folder with videos", default_factory=data_folder, exists=True, file_okay=False)
    ],
) -> None:
    """Measure the gate on every video."""
    folders = (data, data / "video", data / "mot")
    videos = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    with tempfile.TemporaryDirectory(prefix="kentongan-bench-") as scratch:
        rows = [measure(video, Path(scratch)) for video in videos if video.suffix in SUFFIXES]
    shown = Table(title="the gate on real footage")
    for column in ("video", "frames", "skipped", "undecoded", "boxes", "kept", "CPU of ungated", "view faults"):
        shown.add_column(column, justify="left" if column == "video" else "right")
    for row in rows:
        kept = f"{row['kept'] / row['boxes']:.4f}" if row["boxes"] else "-"
        faults = ", ".join(row["faults"]) or "none"
        parts = [f"{row[name]:.2f}" for name in ("skipped", "undecoded", "cpu")]
        shown.add_row(row["video"], str(row["frames"]), *parts[:2], str(row["boxes"]), kept, parts[2], faults)
    Console(width=140).print(shown)
    boxes = sum(row["boxes"] for row in rows)
    fault_count = sum(len(row["faults"]) for row in rows)
    kept_share = round(sum(row["kept"] for row in rows) / max(1, boxes), 4)
    print(json.dumps({"boxes_kept": kept_share, "boxes": boxes, "view_faults": fault_count, "videos": len(rows)}))


if __name__ == "__main__":
    typer.run(main)
