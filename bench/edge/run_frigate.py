"""A worker with Frigate's structure, in one process beside ffmpeg: `python -m bench.edge.run_frigate VIDEO`.

An ffmpeg process decodes every frame, writes 5 a second, at most 1280x720, to a pipe, and cuts the untouched packets
into recordings of 10 s. Motion and tracks choose square regions of the frame for the detector. The detector is the
worker's own, or with `--model NAME --data DIR` one of bench/peers.toml. docs/design/bench-edge.md says what is left
out. CPU seconds are those of both processes.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench.edge.environment import ffmpeg_path
from bench.edge.frigate_parts import Box, Found, MotionDetector, Plane, Tracks, regions_of, without_duplicates
from bench.edge.usage import Usage, measured
from bench.peers import PersonDetector, open_detector
from bench.process_usage import peak_rss_mb
from edge.config.device import Backend
from models.manifest import load_manifest

DETECT_FPS = 5
LARGEST_WH = (1280, 720)
SEGMENT_S = 10
MIN_SCORE = 0.5
"""The minimum score of an object that starts or continues a track; Frigate's default for every object."""


@dataclass(frozen=True, slots=True)
class DetectSize:
    """The size of the analysed frames in pixels, both even."""

    width: int
    height: int

    @classmethod
    def of(cls, width: int, height: int) -> DetectSize:
        """A stream's size, reduced to fit into LARGEST_WH with its aspect ratio, and never enlarged."""
        factor = min(1.0, LARGEST_WH[0] / width, LARGEST_WH[1] / height)
        return cls(*(max(2, round(side * factor / 2) * 2) for side in (width, height)))

    @classmethod
    def for_video(cls, video: Path) -> DetectSize:
        with av.open(str(video)) as container:
            context = container.streams.video[0].codec_context
            return cls.of(context.width, context.height)


class PipedFrame:
    """The frame read last, yuv420p, in one buffer that is reused for every frame."""

    def __init__(self, size: DetectSize) -> None:
        self.size = size
        pixels = size.width * size.height
        self.buffer = bytearray(pixels * 3 // 2)
        samples = np.frombuffer(self.buffer, np.uint8)
        self.y = samples[:pixels].reshape(size.height, size.width)
        chroma = samples[pixels:].reshape(2, size.height // 2, size.width // 2)
        self.u, self.v = chroma[0], chroma[1]

    def whole(self) -> Box:
        return (0, 0, self.size.width, self.size.height)


@dataclass(frozen=True, slots=True)
class Crop:
    """A region of a frame, as the detector takes it; even coordinates."""

    frame: PipedFrame
    region: Box

    @property
    def width(self) -> int:
        return int(self.region[2] - self.region[0])

    @property
    def height(self) -> int:
        return int(self.region[3] - self.region[1])

    def bgr(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Cut out of the planes, converted at full size, then resized: (height, width, 3) uint8."""
        left, top, right, bottom = (int(side) for side in self.region)
        halves = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
        planes: tuple[Plane, ...] = (
            self.frame.y[top:bottom, left:right],
            self.frame.u[halves],
            self.frame.v[halves],
        )
        cut = np.concatenate([plane.ravel() for plane in planes]).reshape(self.height * 3 // 2, self.width)
        pixels = cv2.cvtColor(cut, cv2.COLOR_YUV2BGR_I420)
        return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


class Analysis:
    """What happens to each frame: motion, regions, detector, duplicates, tracks."""

    def __init__(self, size: DetectSize, detector: PersonDetector) -> None:
        self._size = size
        self._motion = MotionDetector(size.width, size.height)
        self._detector = detector
        self.tracks = Tracks()
        self.frames = self.regions = self.boxes = 0

    def take(self, frame: PipedFrame) -> None:
        moving = self._motion.boxes(frame.y)
        # The whole frame once, for people who are there from the start.
        regions = [frame.whole()] if self.frames == 0 else []
        regions += regions_of(self.tracks.expected(moving), moving, self._size.width, self._size.height)
        found = without_duplicates([one for region in regions for one in self._look(Crop(frame, region))])
        self.tracks.update(found)
        self.frames += 1
        self.regions += len(regions)
        self.boxes += len(found)

    def _look(self, crop: Crop) -> Iterator[Found]:
        people = self._detector.detect(crop)
        left, top, right, bottom = crop.region
        boxes = people.boxes_xyxyn * ([crop.width, crop.height] * 2) + [left, top] * 2
        for box, score in zip(boxes, people.scores, strict=True):
            x1, y1, x2, y2 = (float(side) for side in box)
            cut_off = (
                (x1 <= left + 1 and left > 0)
                or (y1 <= top + 1 and top > 0)
                or (x2 >= right - 1 and right < self._size.width)
                or (y2 >= bottom - 1 and bottom < self._size.height)
            )
            yield Found((x1, y1, x2, y2), float(score), cut_off)


def ffmpeg_command(ffmpeg: str, video: Path, size: DetectSize, recordings: Path) -> list[str]:
    """One process with two outputs: the packets unchanged, in segments, and the frames to analyse."""
    record = f"-map 0:v -c copy -f segment -segment_time {SEGMENT_S} -segment_format mp4 -reset_timestamps 1"
    detect = (
        f"-map 0:v -vf fps={DETECT_FPS},scale={size.width}:{size.height} -threads 1 -f rawvideo -pix_fmt yuv420p pipe:1"
    )
    return [
        *f"{ffmpeg} -hide_banner -loglevel warning -nostdin -filter_threads 1 -threads 1 -i".split(),
        str(video),
        *record.split(),
        str(recordings / "%05d.mp4"),
        *detect.split(),
    ]


def work(video: Path, size: DetectSize, detector: PersonDetector, recordings: Path) -> tuple[Analysis, float]:
    """Play the file at full speed; returns the analysis, and ffmpeg's peak resident memory in MiB.

    Raises RuntimeError if ffmpeg fails.
    """
    analysis, frame = Analysis(size, detector), PipedFrame(size)
    ffmpeg_rss_mb = 0.0
    command = ffmpeg_command(ffmpeg_path(), video, size, recordings)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise RuntimeError("the pipe from ffmpeg is missing")
        while process.stdout.readinto(frame.buffer) == len(frame.buffer):  # type: ignore[attr-defined]  # buffered readers have it
            analysis.take(frame)
            if analysis.frames % DETECT_FPS == 0:
                with contextlib.suppress(FileNotFoundError):  # ffmpeg may end before its last frames are read
                    ffmpeg_rss_mb = peak_rss_mb(process.pid)
    if process.returncode != 0:
        raise RuntimeError(f"ffmpeg ended with {process.returncode} on {video}")
    return analysis, ffmpeg_rss_mb


def play(video: Path, detector: PersonDetector) -> Usage:
    """The cost of playing `video`, and what was found."""
    size = DetectSize.for_video(video)
    with tempfile.TemporaryDirectory(prefix="kentongan-bench-") as folder:
        with measured() as usage:
            analysis, ffmpeg_rss_mb = work(video, size, detector, Path(folder))
        recorded = [one.stat().st_size for one in Path(folder).iterdir()]
    usage.frames = analysis.frames
    usage.notes = {
        "detect_wh": [size.width, size.height],
        "regions": analysis.regions,
        "boxes": analysis.boxes,
        "tracks": analysis.tracks.real,
        "segments": len(recorded),
        "recorded_bytes": sum(recorded),
        "ffmpeg_rss_mb": ffmpeg_rss_mb,
    }
    return usage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", default=load_manifest().default, help="of our manifest or of bench/peers.toml")
    parser.add_argument("--data", type=Path, default=Path(), help="the folder that the peers' weights lie in or beside")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    detector = open_detector(
        arguments.model, data=arguments.data, score_threshold=MIN_SCORE, backend=Backend.ONNXRUNTIME
    )
    usage = play(arguments.video, detector)
    ffmpeg = resource.getrusage(resource.RUSAGE_CHILDREN)  # the only child that this process had
    usage.notes["ffmpeg_cpu_s"] = ffmpeg.ru_utime + ffmpeg.ru_stime
    usage.print_json()


if __name__ == "__main__":
    main()
