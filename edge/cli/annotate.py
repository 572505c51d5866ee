"""An annotated video of a replay: zones, tracked people and open signals drawn into the analysed frames."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.stream import VideoStream

from contract.event import Phase
from edge.config.zones import ZoneConfig
from edge.decode.frame import Frame
from edge.detections import Detections
from edge.signals import Signal

MAX_WIDTH_PX = 960
TICKS_PER_S = 90_000
ZONE_BGR = (200, 170, 60)
PERSON_BGR = (120, 200, 120)
UNSURE_BGR = (150, 150, 150)
ALERT_BGR = (40, 60, 230)

BgrImage = npt.NDArray[np.uint8]
"""(height, width, 3) uint8, BGR."""


class Annotator:
    """Writes the frames passed to `draw` as an H.264 MP4. Call `close` at the end.

    fps: the nominal frame rate; each frame keeps its own capture time.
    """

    def __init__(self, path: Path, zones: Sequence[ZoneConfig], *, fps: float) -> None:
        self._path = path
        self._zones = zones
        self._fps = fps
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._open: dict[str, Signal] = {}
        self._size = (0, 0)
        self._first_mono_s = 0.0

    def draw(self, frame: Frame, people: Detections, signals: list[Signal]) -> None:
        """Add an analysed frame with its tracked people and signals. Frames are scaled to the size of the first one."""
        for signal in signals:
            if signal.phase is Phase.ENDED:
                self._open.pop(signal.key, None)
            else:
                self._open[signal.key] = signal
        if self._stream is None or self._container is None:
            self._begin(frame)
        assert self._stream is not None and self._container is not None  # noqa: S101, PT018 - _begin sets both
        image = frame.bgr(*self._size)
        self._draw_zones(image)
        self._draw_people(image, people)
        self._draw_signals(image)
        out = av.VideoFrame.from_ndarray(image, format="bgr24")
        out.pts = round((frame.captured.mono_s - self._first_mono_s) * TICKS_PER_S)
        out.time_base = Fraction(1, TICKS_PER_S)
        self._container.mux(self._stream.encode(out))

    def close(self) -> None:
        """Finish the file. Without any frame, no file is written."""
        if self._container is not None and self._stream is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()

    def _begin(self, frame: Frame) -> None:
        width = min(MAX_WIDTH_PX, frame.width) // 2 * 2
        self._size = (width, max(2, round(width / frame.aspect / 2) * 2))
        self._first_mono_s = frame.captured.mono_s
        self._container = av.open(str(self._path), "w", format="mp4", options={"movflags": "faststart"})
        self._stream = self._container.add_stream("libx264", rate=max(1, round(self._fps)), options={"crf": "26"})
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = Fraction(1, TICKS_PER_S)

    def _draw_zones(self, image: BgrImage) -> None:
        for zone in self._zones:
            corners = (np.array(zone.polygon) * self._size).astype(np.int32)
            cv2.polylines(image, [corners], isClosed=True, color=ZONE_BGR, thickness=1, lineType=cv2.LINE_AA)
            write_text(image, zone.id, corners[0], ZONE_BGR)

    def _draw_people(self, image: BgrImage, people: Detections) -> None:
        alerting = {track_id for signal in self._open.values() for track_id in signal.track_ids}
        for box, track_id in zip(people.boxes_xyxyn, people.track_ids.tolist(), strict=True):
            x1, y1, x2, y2 = (box * np.tile(self._size, 2)).astype(int).tolist()
            colour = UNSURE_BGR if track_id == 0 else ALERT_BGR if track_id in alerting else PERSON_BGR
            cv2.rectangle(image, (x1, y1), (x2, y2), colour, 2 if track_id in alerting else 1)
            if track_id:
                write_text(image, str(track_id), (x1, y1 - 3), colour)

    def _draw_signals(self, image: BgrImage) -> None:
        for line, signal in enumerate(self._open.values()):
            text = f"{signal.rule.value} {signal.zone_id} {signal.score:.2f}"
            write_text(image, text, (8, 20 + 18 * line), ALERT_BGR)


def write_text(
    image: BgrImage,
    text: str,
    at: Sequence[int] | npt.NDArray[np.int32],
    colour: tuple[int, int, int],
    scale: float = 0.45,
) -> None:
    """Write text on a dark strip. at: pixels, the text's lower left corner; scale: of OpenCV's font."""
    x, y = int(at[0]), int(at[1])
    thickness = max(1, round(scale / 0.6))
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    cv2.rectangle(image, (x - 2, y - height - 2), (x + width + 2, y + below), (0, 0, 0), -1)
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thickness, cv2.LINE_AA)
