"""Real video through the real path (decoder, detector, tracker, rules): what alerts where nothing should.

Every clip is replayed as `kentongan-edge replay` does it, with each rule's defaults on one zone that is the whole
picture. The clips are shorter than the loitering threshold, so a second zone of the same size asks for `SHORT_S` only.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from bench.data_folder import data_folder
from contract.event import Rule
from edge.cli.replay import ReplayReport, replay
from edge.config import DeviceConfig
from edge.config.credentials import Surroundings
from edge.config.rules import RunningConfig
from edge.rules.moment import BODY_HEIGHT_M

VIDEO = data_folder() / "video"
NO_PERSON = ("intel_car_noperson.mp4", "bgs_highway_noperson.avi")
ORDINARY = ("intel_one_by_one.mp4", "avenue-normal-12.mp4", "office_lobby_fisheye.mp4", "shop_counter_cctv.mp4")
LABELLED = ("avenue-08.mp4", "avenue-17.mp4", "avenue-19.mp4")
LABELLED_HZ = 25.0
"""Frames a second of the labelled clips, in whose numbers their truth is written."""
SHORT_S = 15.0
SLACK_S = 1.0
"""An alert this much before or after a stretch still belongs to it."""
RUN_WINDOW_S = RunningConfig().duration_s
RUN_LIMIT = RunningConfig().speed_mps / BODY_HEIGHT_M
"""Body heights per second above which the rule calls it running."""
NOON_WIB = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
RULES = (
    Rule.LOITERING,
    Rule.REVISIT,
    Rule.GROUP,
    Rule.UNUSUAL_COUNT,
    Rule.GATHERING,
    Rule.DISPERSAL,
    Rule.COUNTER_FLOW,
    Rule.RUNNING,
)
"""Those that work without calibration and without a capacity of the place."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What one clip made of itself. alerts: by rule, or `loitering 15 s`; running_s: when `running` began, seconds."""

    name: str
    duration_s: float
    max_people: int
    alerts: dict[str, int]
    running_s: tuple[float, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.alerts.values())

    def told(self) -> str:
        shown = ", ".join(f"{rule} {count}" for rule, count in self.alerts.items()) or "none"
        return f"{shown} ({self.duration_s:.0f} s, at most {self.max_people} people)"


def whole_picture() -> DeviceConfig:
    """A device with one camera, whose two zones are the whole picture: all rules, and loitering after `SHORT_S`."""
    zones = [
        {"id": "whole", "name": "Whole", "polygon": WHOLE, "rules": {rule.value: {} for rule in RULES}},
        {"id": "short", "name": "Short", "polygon": WHOLE, "rules": {"loitering": {"threshold_s": SHORT_S}}},
    ]
    settings = {
        "device_id": "bench",
        "server": {"url": "https://localhost", "token_env": "BENCH_TOKEN"},
        "data_dir": ".",
        "cameras": [{"id": "clip", "kampung_id": "bench", "url": "file:///clip", "zones": zones}],
    }
    never_sent = Surroundings(environ={"BENCH_TOKEN": "no-server-is-ever-asked"})
    return DeviceConfig.model_validate(settings, context=never_sent)


def play(video: Path) -> Clip:
    """Replay one clip; an .avi, whose codec no camera sends, as H.264. Raises SourceFault where it is no video."""
    config = whole_picture()
    with tempfile.TemporaryDirectory() as folder:
        shown = _as_h264(video, Path(folder) / "clip.mp4") if video.suffix == ".avi" else video
        return _clip(video.name, replay(shown, config, config.cameras[0], starts_at=NOON_WIB))


def _as_h264(video: Path, target: Path) -> Path:
    with av.open(video) as source, av.open(target, "w") as sink:
        pictures = source.streams.video[0]
        stream = sink.add_stream("libx264", rate=pictures.average_rate, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = pictures.width, pictures.height, "yuv420p"
        for picture in source.decode(pictures):
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode())
    return target


def _clip(name: str, report: ReplayReport) -> Clip:
    alerts = Counter(f"loitering {SHORT_S:.0f} s" if one.zone_id == "short" else one.rule.value for one in report.began)
    ran = tuple(one.captured.mono_s for one in report.began if one.rule is Rule.RUNNING)
    return Clip(name, report.duration_s, report.max_people, dict(sorted(alerts.items())), ran)


def per_camera_hour(clips: Sequence[Clip], *rules: str) -> float:
    """Alerts per hour of video, of these rules or of all."""
    alerts = sum(count for one in clips for rule, count in one.alerts.items() if not rules or rule in rules)
    return alerts / sum(one.duration_s for one in clips) * 3600.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive frames labelled anomalous. speed: highest over `RUN_WINDOW_S` of the labelled foot, body heights/s.

    A stretch shorter than the window is judged over its whole length.
    """

    clip: str
    begins_s: float
    ends_s: float
    speed: float

    @property
    def runs(self) -> bool:
        """Whether the labelled person moves as the rule understands running."""
        return self.speed > RUN_LIMIT

    def holds(self, at_s: float) -> bool:
        return self.begins_s - SLACK_S <= at_s <= self.ends_s + SLACK_S


def stretches(truth: Path) -> list[Stretch]:
    """The stretches of a `*.gt.txt`: lines of frame, anomalous 0 or 1, and one box `x y width height` in pixels."""
    rows = [line.split(",", 2) for line in truth.read_text("utf-8").splitlines() if line.strip()]
    found = []
    for anomalous, group in groupby(rows, key=lambda row: row[1] == "1"):
        if not anomalous:
            continue
        frames = list(group)
        boxes = np.array([[float(part) for part in row[2].split()] for row in frames])
        begins, ends = int(frames[0][0]) / LABELLED_HZ, int(frames[-1][0]) / LABELLED_HZ
        found.append(Stretch(truth.name.removesuffix(".gt.txt"), begins, ends, _top_speed(boxes)))
    return found


def _top_speed(boxes: npt.NDArray[np.float64]) -> float:
    """Body heights per second; (N, 4) boxes x, y, width, height, one a frame."""
    feet = np.column_stack((boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3]))
    frames = min(len(feet) - 1, round(RUN_WINDOW_S * LABELLED_HZ))
    if frames < 1:
        return 0.0
    ways = np.hypot(*(feet[frames:] - feet[:-frames]).T) / boxes[frames:, 3]
    return float(ways.max() / (frames / LABELLED_HZ))


@dataclass(frozen=True, slots=True)
class Ran:
    """The running rule beside the labels. other: alerts in stretches that do not run; outside: in none."""

    running: int
    hit: int
    not_running: int
    other: int
    outside: int


def score_running(truth: Sequence[Stretch], clips: Sequence[Clip]) -> Ran:
    """`clips` and `truth` of the same footage."""
    alerts = [(one.name.removesuffix(".mp4"), at_s) for one in clips for at_s in one.running_s]

    def within(name: str, at_s: float, some: Sequence[Stretch]) -> bool:
        return any(one.clip == name and one.holds(at_s) for one in some)

    run, rest = [one for one in truth if one.runs], [one for one in truth if not one.runs]
    missed_by = [alert for alert in alerts if not within(*alert, run)]
    return Ran(
        running=len(run),
        hit=sum(any(name == one.clip and one.holds(at_s) for name, at_s in alerts) for one in run),
        not_running=len(rest),
        other=sum(within(*alert, rest) for alert in missed_by),
        outside=sum(not within(*alert, rest) for alert in missed_by),
    )
