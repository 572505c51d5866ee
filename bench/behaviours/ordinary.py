"""Ordinary dwell on public tracks: a timer of a minute against our rule, on tracks that taught neither of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.data_folder import data_folder
from bench.fit_loitering import TRACKS, Labelled, load, pixels_per_metre, units_of
from bench.scenarios.sensor import NOON_WIB
from bench.scores import Interval, bootstrap
from contract.clock import Instant
from contract.event import Phase
from edge.config.zones import ZoneConfig
from edge.detections import Detections
from edge.learned.dwell import cell_of
from edge.learned.state import CameraLearned
from edge.rules.engine import CameraBehaviours
from edge.rules.moment import BODY_HEIGHT_M
from edge.rules.staying_model import SCALE_EXPONENT
from edge.signals import Observation

Array = npt.NDArray[np.float64]
OPENTRAJ = data_folder() / "tracks/opentraj"
THRESHOLD_S = 60.0
EVERYWHERE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
HOUR_OF_WEEK = 60  # noon on Wednesday, where these scenes are set
LTD_WIDTH, LTD_HEIGHT = 384.0, 288.0
STRICT_SCORE = 0.62
"""A `min_score` that cuts as many ordinary alarms on the training part as the dwell map does: what a map must beat."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """points: (P, 4) seconds, foot x and y in parts of the picture, body height in picture heights."""

    points: Array
    aspect: float


@dataclass(frozen=True, slots=True)
class Share:
    """cut: of the ordinary alarms of a timer, the share that our rule does not raise. kept: of the labelled loiterers
    whom the timer finds, the share that our rule still finds.
    """

    cut: Interval
    kept: Interval


@dataclass(frozen=True, slots=True)
class Ordinary:
    """raw, loiterers: ordinary and labelled tracks of held-out time over which a timer alerts.

    score: the staying score alone; strict: alone with `STRICT_SCORE`. learned: with the dwell map, from whose lessons
    people kept the confirmed alerts; unjudged: where nobody judged any. street_*: alarms on street tracks without
    labels, by the score alone.
    """

    raw: int
    loiterers: int
    score: Share
    strict: Share
    learned: Share
    unjudged: Share
    street_raw: int
    street_ours: int


def alerts(track: Track, config: ZoneConfig, learned: CameraLearned) -> bool:
    """Whether our rule, knowing what the camera has learned, alerts on this track alone."""
    camera = CameraBehaviours([config], learned=learned)
    start = Instant(0.0, NOON_WIB)
    for seconds, x, y, tall in track.points.tolist():
        half = tall * 0.2 / track.aspect
        people = Detections.of([(x - half, y - tall, x + half, y)], [0.9], [1])
        said = camera.observe(Observation(start.shifted(seconds), people, track.aspect))
        if any(one.phase is Phase.BEGAN for one in said):
            return True
    return False


def _learn(tracks: Sequence[Track], zone: ZoneConfig) -> CameraLearned:
    learned = CameraLearned()
    dwell = learned.zone(zone.id, zone.polygon).dwell
    for track in tracks:
        x, y = np.median(track.points[:, 1:3], axis=0).tolist()
        dwell.learn(cell_of(x, y), HOUR_OF_WEEK, float(np.ptp(track.points[:, 0])))
    return learned


def _zone(**loitering: object) -> ZoneConfig:
    rules = {"loitering": {"threshold_s": THRESHOLD_S, **loitering}}
    return ZoneConfig.model_validate({"id": "all", "name": "all", "polygon": EVERYWHERE, "rules": rules})


def ordinary(seed: int) -> Ordinary:
    """LTD's held-out blocks of tracks (the dwell map learns from its training part), and three streets of OpenTraj.

    As in the product a stay that alerted teaches nothing if it was judged useful: here, if it is labelled loitering.
    Loiterers who did not alert are learned like everybody else.
    """
    data = load(TRACKS)
    tracks = _ltd_tracks(data)
    zone, nothing = _zone(), CameraLearned()
    long = np.array([np.ptp(track.points[:, 0]) >= THRESHOLD_S for track in tracks])
    seen = np.flatnonzero(data.training).tolist()
    confirmed = {one for one in seen if long[one] and data.loitering[one] and alerts(tracks[one], zone, nothing)}
    unjudged = _learn([tracks[one] for one in seen], zone)
    learned = _learn([tracks[one] for one in seen if one not in confirmed], zone)
    held = np.flatnonzero(long & ~data.training).tolist()
    loitering = data.loitering[held].astype(np.bool_)

    def share(config: ZoneConfig, known: CameraLearned) -> Share:
        ours = np.array([alerts(tracks[index], config, known) for index in held])
        plain, loiterers = ours[~loitering], ours[loitering]
        return Share(
            bootstrap(len(plain), lambda some: 1.0 - float(plain[some].mean()), seed),
            bootstrap(len(loiterers), lambda some: float(loiterers[some].mean()), seed),
        )

    street = [track for name in ("UCY/zara01", "UCY/students03", "ETH/seq_hotel") for track in _opentraj(name)]
    street = [track for track in street if np.ptp(track.points[:, 0]) >= THRESHOLD_S]
    return Ordinary(
        raw=int((~loitering).sum()),
        loiterers=int(loitering.sum()),
        score=share(zone, nothing),
        strict=share(_zone(min_score=STRICT_SCORE), nothing),
        learned=share(zone, learned),
        unjudged=share(zone, unjudged),
        street_raw=len(street),
        street_ours=sum(alerts(track, zone, nothing) for track in street),
    )


def _ltd_tracks(data: Labelled) -> list[Track]:
    """With the body height that the fit believes each of them has."""
    scale = pixels_per_metre([path for path, use in zip(data.paths, data.training, strict=True) if use])
    units = units_of(data.paths, *scale, SCALE_EXPONENT)
    return [_ltd_track(path, unit) for path, unit in zip(data.paths, units.tolist(), strict=True)]


def _ltd_track(path: Array, pixels_per_m: float) -> Track:
    tall = np.full(len(path), BODY_HEIGHT_M * pixels_per_m / LTD_HEIGHT)
    columns = (path[:, 0], path[:, 1] / LTD_WIDTH, path[:, 2] / LTD_HEIGHT, tall)
    return Track(np.column_stack(columns), LTD_WIDTH / LTD_HEIGHT)


def _opentraj(name: str) -> list[Track]:
    """Tracks in metres, laid out from above on a picture 40 m high, so that a body height is a 24th of it."""
    rows = np.loadtxt(OPENTRAJ / name / "obsmat.txt")
    by_id: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    for row in rows:
        by_id[int(row[1])].append((row[0] / 25.0, row[2], row[4]))
    low = rows[:, [2, 4]].min(axis=0)
    tracks = []
    for points in by_id.values():
        array = np.array(sorted(points))
        feet = np.clip((array[:, 1:] - low + 4.0) / 40.0, 0.0, 1.0)
        tracks.append(Track(np.column_stack((array[:, 0], feet, np.full(len(array), BODY_HEIGHT_M / 40.0))), 1.0))
    return tracks
