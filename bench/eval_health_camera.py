"""A camera's stream encoded from images, and the product's own pipeline up to its open camera faults."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from bench.eval_health_scenes import FPS, HEIGHT, WIDTH, Footage, Spell
from contract.clock import Instant, ManualClock
from contract.event import Phase, Rule
from edge.camera.build import PipelineParts, build_history, build_pipeline
from edge.capture.bitstream import Codec, leading_parameter_sets
from edge.capture.packet_ring import PacketRing
from edge.capture.packets import TICKS_PER_S, Packet, ParameterSets
from edge.config import CameraConfig, ClipConfig
from edge.config.hours import CalendarConfig
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.learned.state import CameraLearned
from edge.signals import Signal
from models.manifest import load_manifest

STARTS = Instant(0.0, datetime(2026, 11, 24, 7, 0, tzinfo=UTC))
RING_S, RING_BYTES = 20.0, 8 << 20
CAMERA = {
    "id": "evaluated",
    "kampung_id": "bahari",
    "url": "file:///dev/null",
    "zones": [
        {
            "id": "everywhere",
            "name": "Everywhere",
            "polygon": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
            "rules": {"occupancy": {"capacity": 1000}},
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a camera compresses: x264 options, and seconds from one keyframe to the next."""

    name: str
    options: dict[str, str]
    keyframes_s: float


def _constant_bitrate(kbps: int) -> dict[str, str]:
    return {"b": f"{kbps}k", "maxrate": f"{kbps}k", "bufsize": f"{kbps}k"}


ENCODINGS = {
    f"{name}, {keyframes_s} s": Encoding(f"{name}, {keyframes_s} s", options, keyframes_s)
    for (name, options), keyframes_s in itertools.product(
        (
            ("crf 23", {"crf": "23"}), ("1M", _constant_bitrate(1000)), ("512k", _constant_bitrate(512)),
            ("256k", _constant_bitrate(256)),
        ),
        (2, 4),
    )
} | {"crf 23, 12 s": Encoding("crf 23, 12 s", {"crf": "23"}, 12)}  # fmt: skip
"""The last is a smart codec, which leaves out keyframes where little moves."""


def packets(
    footage: Footage, spells: list[Spell], encoding: Encoding
) -> Iterator[tuple[Spell, float, Instant, Packet | None]]:
    """The stream's packets with their spell and the seconds since the spell began; no packet while nothing is sent.

    One encoder runs through the whole stream unless a spell needs other options: then the camera starts again with a
        keyframe.
    """
    encoder, options = _encoder(encoding.options, encoding.keyframes_s), encoding.options
    sets: ParameterSets | None = None
    session = 1
    for number, (spell, at_s, image) in enumerate(footage.images(spells)):
        captured = STARTS.shifted(number / FPS)
        if spell.silent:
            if sets is not None:
                encoder, sets, session = _encoder(options, encoding.keyframes_s), None, session + 1
            yield spell, at_s, captured, None
            continue
        wanted = spell.quieter or (options if spell.still else encoding.options)
        if wanted != options:
            encoder, options = _encoder(wanted, encoding.keyframes_s), wanted
        frame = av.VideoFrame.from_ndarray(image, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        for made in encoder.encode(frame):  # zero latency: one frame in, one packet out
            data = bytes(made)
            units = leading_parameter_sets(Codec.H264, data)
            if sets is None:
                sets = ParameterSets(Codec.H264, units, session)
            elif units:
                sets.update(units)
            packet = Packet(
                data=data,
                pts_90k=number * TICKS_PER_S // FPS,
                captured=captured,
                duration_s=1.0 / FPS,
                is_keyframe=bool(made.is_keyframe),
                stream=sets.stream,
                clock_offset_s=spell.clock_offset_s,
            )
            yield spell, at_s, captured, packet


def _encoder(options: dict[str, str], keyframes_s: float) -> VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(FPS), Fraction(1, FPS)
    encoder.gop_size = round(keyframes_s * FPS)
    encoder.options = {"preset": "superfast", "tune": "zerolatency", "sc_threshold": "0", "threads": "1", **options}
    return encoder


class _Script:
    """Replaces the detector: returns the scripted number of people, standing side by side."""

    def __init__(self, people: Callable[[float], int]) -> None:
        self._people = people
        self.spec = load_manifest().get()

    def detect(self, frame: Frame) -> Detections:
        people = self._people(frame.captured.mono_s)
        boxes = [(0.4 + 0.1 * number, 0.4, 0.45 + 0.1 * number, 0.6) for number in range(people)]
        return Detections.of(np.array(boxes, np.float32).reshape(-1, 4), np.full(people, 0.9, np.float32))


class WatchedCamera:
    """One camera with the worker's own pipeline; only its detector is scripted.

    people: how many people the detector sees at a given second. Without any, the ladder falls back to keyframes when
        nothing moves; with one, it decodes everything.
    """

    def __init__(self, people: Callable[[float], int]) -> None:
        camera = CameraConfig.model_validate(CAMERA)
        parts = PipelineParts(
            detector=_Script(people),
            ring=PacketRing(RING_S, RING_BYTES),
            history=build_history(ClipConfig()),
            calendar=CalendarConfig(),
            mask=None,
            learned=CameraLearned(),
        )
        self._clock = ManualClock(STARTS.utc)
        self._reported: list[tuple[str, Phase]] = []
        self._pipeline = build_pipeline(camera, parts, self._clock, self)

    @property
    def is_blind(self) -> bool:
        """Whether the product distrusts what this camera shows."""
        return self._pipeline.is_blind

    def record(self, signal: Signal, frame: Frame | None) -> None:  # noqa: ARG002 - a SignalSink
        """Take a signal of the pipeline; only faults count here."""
        if signal.rule is Rule.CAMERA_FAULT:
            self._reported.append((signal.key.split("/")[1], signal.phase))

    def step(self, now: Instant, packet: Packet | None) -> list[tuple[str, Phase]]:
        """Take a packet, or None where none came; returns the faults that begin or end now."""
        if packet is not None:
            self._pipeline.take_packet(packet)
            for frame in self._pipeline.decode(packet):
                self._pipeline.analyse(frame)
        self._pipeline.check_health(now)
        reported, self._reported = self._reported, []
        return reported
