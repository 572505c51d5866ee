"""What decoding without the loop filter does to tiled inference: `python -m bench.eval_far_people_filter [DATA]`.

The product skips the filter on large frames (`edge.decode.decoder.UNFILTERED_LINES`), and tiles are closer to full
resolution than the reduced whole frame. Every MOT set is quartered as in `bench.eval_far_people`, so that frames are
large without having been enlarged, given a sensor's noise, encoded as a camera would, and decoded with and without the
filter. The region is the upper right quarter; detection runs at the product's 5 frames a second. The last line is one
JSON object.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import typer

from bench.data_folder import data_folder
from bench.eval_far_people import QUARTER, RATE_HZ, Labelled, compare, quartered, small_people
from bench.eval_loop_filter import BITS_PER_PIXEL, NOISE_LEVELS, Encoder, decoded_frames, options
from bench.motdata import LabelledSet, find_sets
from edge.decode.decoder import UNFILTERED_GROUP, UNFILTERED_LINES
from edge.decode.frame import Frame
from edge.detector import Detector
from models.manifest import load_manifest

GROUPS = (20, UNFILTERED_GROUP)
"""Frames from one keyframe to the next: a usual distance, and the largest at which the product skips the filter."""


def four_in_one(labelled: LabelledSet) -> list[Labelled]:
    """The set's frames at its own rate, four stretches of it side by side."""
    every = [(frame, labelled.truths[at]) for at, frame in labelled.frames() if isinstance(frame, Frame)]
    return list(quartered(every))


def encode(four: Sequence[Labelled], rate_hz: float, encoder: Encoder, group: int, target: Path) -> None:
    """Write the frames as a video: constant bitrate, no B-frames, a keyframe every `group` frames."""
    rng = np.random.default_rng(0)
    rate = Fraction(rate_hz).limit_denominator(1000)
    with av.open(str(target), "w") as out:
        stream = out.add_stream(encoder, rate=rate, options=options(encoder, group))
        stream.width, stream.height, stream.pix_fmt = four[0][0].width // 2 * 2, four[0][0].height // 2 * 2, "yuv420p"
        stream.bit_rate = round(BITS_PER_PIXEL[encoder] * stream.width * stream.height * rate_hz)
        for number, (original, _) in enumerate(four):
            y = original.y[: stream.height, : stream.width]
            noisy = np.clip(y + rng.normal(0.0, NOISE_LEVELS, y.shape), 0, 255).astype(np.uint8)
            chroma = [plane[: stream.height // 2, : stream.width // 2].ravel() for plane in (original.u, original.v)]
            planes = np.concatenate([noisy.ravel(), *chroma]).reshape(-1, stream.width)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def decoded(video: Path, four: Sequence[Labelled], step: int, *, filtered: bool) -> Iterator[Labelled]:
    """Every `step`-th frame of the video with its truth, at `RATE_HZ`."""
    for number, (frame, (_, truth)) in enumerate(zip(decoded_frames(video, filtered=filtered), four, strict=True)):
        if number % step == 0:
            at = replace(frame.captured, mono_s=number // step / RATE_HZ)
            # The decoder predicts the next frame from its own planes and reuses them.
            y, u, v = (plane.copy() for plane in (frame.y, frame.u, frame.v))
            yield replace(frame, y=y, u=u, v=v, captured=at), truth


def main(
    data: Annotated[
        Path, typer.Argument(help="folder of MOT sets", default_factory=data_folder, exists=True, file_okay=False)
    ],
    encoder: Annotated[str, typer.Option(help="libx264 or libx265")] = "libx264",
) -> None:
    """Measure tiles on frames decoded with and without the loop filter."""
    chosen = next(one for one in BITS_PER_PIXEL if one == encoder)
    detector = Detector(load_manifest().get())
    input_wh = detector.spec.input.width, detector.spec.input.height
    results: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="kentongan-bench-") as scratch:
        video = Path(scratch) / "camera.mp4"
        for labelled in find_sets(data):
            four = four_in_one(labelled)
            if (
                not four
                or four[0][0].height < UNFILTERED_LINES
                or not any(small_people(*one, input_wh).any() for one in four)
            ):
                continue
            for group in GROUPS:
                encode(four, labelled.frame_rate_hz, chosen, group, video)
                for filtered in (True, False):
                    step = max(1, round(labelled.frame_rate_hz / RATE_HZ))
                    rows = compare(detector, list(decoded(video, four, step, filtered=filtered)), QUARTER)
                    name = f"{labelled.name}, {group} frames a group, {'filtered' if filtered else 'unfiltered'}"
                    results[name] = rows
                    for way, row in rows.items():
                        print(f"{name:55} {way:20}", *(f"{key} {value:<7}" for key, value in row.items()), flush=True)
    print(json.dumps({"encoder": encoder, "sets": results}))


if __name__ == "__main__":
    typer.run(main)
