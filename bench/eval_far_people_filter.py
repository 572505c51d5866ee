"""What decoding without the loop filter does to tiles for far people: `python -m bench.eval_far_people_filter DATA`.

The product leaves the filter out of large pictures (`edge.decode.decoder.UNFILTERED_LINES`), and tiles are nearer to
the pictures' own size than the whole picture. Every MOT set is quartered as `bench.eval_far_people` does it, so that
the pictures are large without having been enlarged, given a sensor's noise, encoded as a camera would, and decoded with
and without the filter. The region is the upper right quarter; detection is at the product's 5 pictures a second. The
last line is one JSON object.
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
from bench.eval_loop_filter import BITS_PER_PIXEL, NOISE_LEVELS, Encoder, options, pictures
from bench.motdata import LabelledSet, find_sets
from edge.decode.decoder import UNFILTERED_GROUP, UNFILTERED_LINES
from edge.decode.frame import Frame
from edge.detector import Detector
from models.manifest import load_manifest

GROUPS = (20, UNFILTERED_GROUP)
"""Pictures from one keyframe to the next: usual, and the most at which the product leaves the filter out."""


def four_in_one(labelled: LabelledSet) -> list[Labelled]:
    """The set's pictures at its own rate, four stretches of it side by side."""
    every = [(picture, labelled.truths[at]) for at, picture in labelled.pictures() if isinstance(picture, Frame)]
    return list(quartered(every))


def encode(four: Sequence[Labelled], rate_hz: float, encoder: Encoder, group: int, target: Path) -> None:
    """Write the pictures as a video: constant bitrate, no B-frames, a keyframe every `group` pictures."""
    rng = np.random.default_rng(0)
    rate = Fraction(rate_hz).limit_denominator(1000)
    with av.open(str(target), "w") as out:
        stream = out.add_stream(encoder, rate=rate, options=options(encoder, group))
        stream.width, stream.height, stream.pix_fmt = four[0][0].width // 2 * 2, four[0][0].height // 2 * 2, "yuv420p"
        stream.bit_rate = round(BITS_PER_PIXEL[encoder] * stream.width * stream.height * rate_hz)
        for number, (picture, _) in enumerate(four):
            y = picture.y[: stream.height, : stream.width]
            noisy = np.clip(y + rng.normal(0.0, NOISE_LEVELS, y.shape), 0, 255).astype(np.uint8)
            chroma = [plane[: stream.height // 2, : stream.width // 2].ravel() for plane in (picture.u, picture.v)]
            planes = np.concatenate([noisy.ravel(), *chroma]).reshape(-1, stream.width)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def decoded(video: Path, four: Sequence[Labelled], step: int, *, filtered: bool) -> Iterator[Labelled]:
    """Every `step`-th picture of the video with what is in it, at `RATE_HZ`."""
    for number, (picture, (_, truth)) in enumerate(zip(pictures(video, filtered=filtered), four, strict=True)):
        if number % step == 0:
            at = replace(picture.captured, mono_s=number // step / RATE_HZ)
            # The decoder goes on predicting from its own planes, and gives them to the next picture.
            y, u, v = (plane.copy() for plane in (picture.y, picture.u, picture.v))
            yield replace(picture, y=y, u=u, v=v, captured=at), truth


def main(
    data: Annotated[
        Path, typer.Argument(help="folder of MOT sets", default_factory=data_folder, exists=True, file_okay=False)
    ],
    encoder: Annotated[str, typer.Option(help="libx264 or libx265")] = "libx264",
) -> None:
    """Measure tiles on pictures decoded with and without the loop filter."""
    chosen = next(one for one in BITS_PER_PIXEL if one == encoder)
    detector = Detector(load_manifest().get())
    input_wh = detector.spec.input.width, detector.spec.input.height
    told: dict[str, dict[str, dict[str, float]]] = {}
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
                    name = f"{labelled.name}, {group} pictures a group, {'filtered' if filtered else 'unfiltered'}"
                    told[name] = rows
                    for way, row in rows.items():
                        print(f"{name:55} {way:20}", *(f"{key} {value:<7}" for key, value in row.items()), flush=True)
    print(json.dumps({"encoder": encoder, "sets": told}))


if __name__ == "__main__":
    typer.run(main)
