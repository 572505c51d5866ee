"""What decoding without the loop filter does to detection: `python -m bench.eval_loop_filter [DATA]`.

Each labelled video is enlarged to the number of lines from which the product skips the filter, encoded as a camera
would send it, with keyframes at growing distances, and decoded with and without the filter. Unfiltered frames serve as
references until the next keyframe, so errors accumulate from frame to frame. The last line says how AP50 changes at
each distance of keyframes.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import av
import numpy as np
import typer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from rich.console import Console
from rich.table import Table

from bench.average_precision import AveragePrecision
from bench.data_folder import data_folder
from bench.eval_detector import AP_SCORE_THRESHOLD
from bench.motdata import NO_TIME, LabelledSet, find_sets
from edge.decode.decoder import UNFILTERED_LINES
from edge.decode.frame import Frame
from edge.detector import Detector
from models.manifest import load_manifest

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

GROUPS = (20, 50, 100, 250, 1000)
"""Frames from one keyframe to the next; no video has as many as 1000."""
Encoder = Literal["libx264", "libx265"]
BITS_PER_PIXEL: dict[Encoder, float] = {"libx264": 0.08, "libx265": 0.05}
"""1080p25 at 4.1 and 2.6 Mbit/s."""
NOISE_LEVELS = 2.0
"""The standard deviation of the sensor noise, which enlarging has removed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """AP50 and CPU seconds of decoding, with and without the filter."""

    ap50: tuple[float, float]
    cpu_s: tuple[float, float]


def encode(labelled: LabelledSet, encoder: Encoder, group: int, target: Path) -> None:
    """Encode the set's video again: constant bitrate, no B-frames, a keyframe every `group` frames."""
    rng = np.random.default_rng(0)
    with av.open(str(labelled.source)) as source, av.open(str(target), "w") as out:
        given = source.streams.video[0]
        rate = given.average_rate or Fraction(25)
        stream = out.add_stream(encoder, rate=rate, options=options(encoder, group))
        scale = max(1.0, UNFILTERED_LINES / given.height)
        stream.width, stream.height = (round(scale * side / 2) * 2 for side in (given.width, given.height))
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = round(BITS_PER_PIXEL[encoder] * stream.width * stream.height * float(rate))
        for number, original in enumerate(source.decode(given)):
            pixels = original.to_ndarray(width=stream.width, height=stream.height, format="gray")
            noisy = np.clip(pixels + rng.normal(0.0, NOISE_LEVELS, pixels.shape), 0, 255).astype(np.uint8)
            frame = original.reformat(stream.width, stream.height, "yuv420p")
            luma = frame.planes[0]
            lines = np.frombuffer(memoryview(luma), np.uint8).reshape(luma.height, luma.line_size)
            lines[:, : luma.width] = noisy
            frame.pts, frame.time_base = number, 1 / rate
            frame.pict_type = PictureType.NONE  # otherwise the encoder starts a group where the source did
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def options(encoder: Encoder, group: int) -> dict[str, str]:
    """A camera's encoder settings: no B-frames, a keyframe every `group` frames."""
    settings = f"keyint={group}:min-keyint={group}:scenecut=0:bframes=0"
    if encoder == "libx265":
        return {"preset": "veryfast", "x265-params": f"{settings}:log-level=error"}
    return {"preset": "veryfast", "x264-params": settings}


def decoded_frames(video: Path, *, filtered: bool) -> Iterator[Frame]:
    """All frames, decoded on one thread."""
    with av.open(str(video)) as container:
        context = container.streams.video[0].codec_context
        assert isinstance(context, VideoCodecContext)
        context.thread_count = 1
        if not filtered:
            context.options = {"skip_loop_filter": "all"}
        for frame in container.decode(video=0):
            yield Frame.from_av(frame, NO_TIME)


def measure(detector: Detector, labelled: LabelledSet, video: Path, every: int) -> Outcome:
    """Decode the same file both ways and detect on every `every`-th frame."""
    ap50, cpu_s = [], []
    for filtered in (True, False):
        precision, spent_s = AveragePrecision(), 0.0
        source = decoded_frames(video, filtered=filtered)
        for index, truth in enumerate(labelled.truths):
            began_s = time.thread_time()
            frame = next(source, None)
            spent_s += time.thread_time() - began_s
            if frame is None:
                break
            if index % every == 0:
                precision.add(detector.detect(frame), truth)
        ap50.append(precision.value())
        cpu_s.append(spent_s)
    return Outcome((ap50[0], ap50[1]), (cpu_s[0], cpu_s[1]))


@app.command()
def main(
    data: Annotated[
        Path, typer.Argument(help="folder of MOT sets", default_factory=data_folder, exists=True, file_okay=False)
    ],
    every: Annotated[int, typer.Option(min=1, help="detect on every Nth frame")] = 3,
) -> None:
    """Measure what skipping the loop filter saves and loses."""
    detector = Detector(load_manifest().get(), score_threshold=AP_SCORE_THRESHOLD)
    table = Table("set", "encoder", "frames a group", "AP50", "without the filter", "change", "decoding CPU")
    lost: dict[tuple[Encoder, int], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="kentongan-bench-") as scratch:
        for labelled in find_sets(data):
            for encoder in BITS_PER_PIXEL:
                for group in GROUPS:
                    video = Path(scratch) / "camera.mp4"
                    encode(labelled, encoder, group, video)
                    outcome = measure(detector, labelled, video, every)
                    change = outcome.ap50[1] - outcome.ap50[0]
                    lost.setdefault((encoder, group), []).append(change)
                    shown = (f"{outcome.ap50[0]:.4f}", f"{outcome.ap50[1]:.4f}", f"{change:+.4f}")
                    table.add_row(
                        labelled.name, encoder, str(group), *shown, f"{outcome.cpu_s[1] / outcome.cpu_s[0]:.2f}"
                    )
    Console(width=120).print(table)
    print(json.dumps({f"{encoder}_{group}": round(statistics.mean(one), 4) for (encoder, group), one in lost.items()}))


if __name__ == "__main__":
    app()
