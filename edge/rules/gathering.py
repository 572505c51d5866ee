"""Gathering: people come together within a minute or two and stay.

In a crowd people hide each other, so that here somebody lost from sight in the zone counts until her stay is over.
Where it is too dense to count, the low end of its estimate stands in: going from one to the other is no rise itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.hours import CalendarConfig
from edge.config.rules import GatheringConfig
from edge.config.zones import ZoneConfig
from edge.crowds.near import median_nearest
from edge.rules.base import UNSEEN_AFTER_S, Findings, Reporter, ZoneMoment, estimated, lasted, track_ids_of
from edge.signals import Signal

SAMPLE_S = 1.0
PAST_S = 600.0
"""How far back the count's spread is taken."""
SHORTEST_RISE_S = 10.0
"""The count before is the lowest smoothed one from `window_s` to this long ago."""
SMOOTH = 5
"""Samples whose median is the count: one blink of the detector is none."""
CLOSER = 0.8
"""The nearest-neighbour distance falls to this share of what it was."""
CLOSE = 2.0
"""Units: neighbours nearer than this are together, whatever they were before."""
TOUCHING = 0.0
PARTED_S = 30.0
SETTLE_S = 5.0
"""After a start or a pause people are only being found: nobody came in that time."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at: Instant
    count: float
    nearest: float | None


@dataclass(slots=True)
class _Rise:
    """A rise under watch: since when, from which count, how far it must stay up."""

    since: Instant
    began: Instant
    before: float
    level: float


class GatheringRule:
    """See `docs/behaviours.md`, Gathering."""

    def __init__(self, zone: ZoneConfig, config: GatheringConfig, calendar: CalendarConfig) -> None:
        self._config = config
        self._reporter = Reporter(Rule.GATHERING, zone.id, config, calendar)
        self._recent: deque[int] = deque(maxlen=SMOOTH)
        self._past: deque[_Sample] = deque()
        self._rise: _Rise | None = None
        self._settled_s: float | None = None
        self._key: str | None = None
        self._up_s = 0.0

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        now_s = moment.at.mono_s
        if self._past and now_s - self._past[-1].at.mono_s < SAMPLE_S * 0.95:
            return []
        if self._past and now_s - self._past[-1].at.mono_s > UNSEEN_AFTER_S:
            self._forget_past()
        if self._settled_s is None:
            self._settled_s = now_s + SETTLE_S
        if now_s < self._settled_s:
            return []
        here = [one for one in moment.presence.open if one.outside_since is None]
        crowd = moment.crowd
        self._recent.append(len(here) if crowd is None else max(len(here), round(crowd.low)))
        sample = _Sample(moment.at, float(median(self._recent)), median_nearest(here) if crowd is None else TOUCHING)
        self._past.append(sample)
        while now_s - self._past[0].at.mono_s > PAST_S:
            self._past.popleft()
        if self._key is not None:
            return self._watch_end(moment, sample)
        return self._watch_rise(moment, sample)

    def close(self, at: Instant, reason: Reason) -> list[Signal]:
        self._key = None
        self._forget_past()
        return self._reporter.close(at, reason)

    def _forget_past(self) -> None:
        self._past.clear()
        self._recent.clear()
        self._settled_s = None
        if self._key is None:
            self._rise = None

    def _watch_rise(self, moment: ZoneMoment, sample: _Sample) -> list[Signal]:
        if self._rise is None:
            self._rise = self._rise_now(sample)
        elif sample.count < self._rise.level:
            self._rise = None
        rise = self._rise
        held = rise is not None and moment.at.mono_s - rise.since.mono_s >= self._config.hold_s
        if rise is None or not held or not self._reporter.may_begin(moment):
            return []
        growth = {"before": rise.before, "window_s": self._config.window_s}
        if moment.crowd is None:
            grew: tuple[Reason, ...] = (Reason(code="crowd_grew", params={**growth, "count": sample.count}),)
        else:
            grew = (estimated(moment.crowd), Reason(code="crowd_grew_beyond_count", params=growth))
        held_s = moment.at.mono_s - rise.since.mono_s
        reasons = (*grew, Reason(code="closer_together"), lasted(held_s))
        present = moment.presence.present
        score = min(1.0, 0.4 + 0.05 * (sample.count - rise.before))
        signal = self._reporter.begin(
            moment.at, Findings(rise.began, score, reasons, len(present), track_ids_of(present))
        )
        self._key, self._up_s = signal.key, moment.at.mono_s
        return [signal]

    def _rise_now(self, sample: _Sample) -> _Rise | None:
        now_s = sample.at.mono_s
        window = [one for one in self._past if SHORTEST_RISE_S <= now_s - one.at.mono_s <= self._config.window_s]
        if not window:
            return None
        lowest = min(window, key=lambda one: (one.count, -one.at.mono_s))
        needed = max(float(self._config.min_rise), 3.0 * self._spread(lowest.at.mono_s))
        if sample.count - lowest.count < needed or not _closer(sample, lowest):
            return None
        return _Rise(sample.at, lowest.at, lowest.count, lowest.count + 0.8 * needed)

    def _spread(self, before_s: float) -> float:
        """Robust sigma (1.4826 x the median absolute deviation) of the counts before the rise."""
        counts = [one.count for one in self._past if one.at.mono_s <= before_s]
        middle = median(counts)
        return 1.4826 * median(abs(count - middle) for count in counts)

    def _watch_end(self, moment: ZoneMoment, sample: _Sample) -> list[Signal]:
        rise, key = self._rise, self._key
        if rise is None or key is None:
            return []
        self._reporter.update(key, people_count=moment.presence.count, track_ids=())
        if sample.count > (rise.before + rise.level) / 2:
            self._up_s = moment.at.mono_s
        if moment.at.mono_s - self._up_s < PARTED_S:
            return []
        self._rise = self._key = None
        lasting = lasted(moment.at.mono_s - rise.since.mono_s)
        return [self._reporter.end(key, moment.at, (Reason(code="crowd_parted"), lasting))]


def _closer(now: _Sample, before: _Sample) -> bool:
    if now.nearest is None:
        return False
    return now.nearest <= CLOSE or (before.nearest is not None and now.nearest <= CLOSER * before.nearest)
