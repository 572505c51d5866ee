"""Gathering: people come together within a minute or two and stay.

In a crowd people hide one another, so a person who is lost from sight in the zone counts until the stay is over. Where
a crowd is too dense to count, the low end of its estimate replaces the count, so that the change from one to the other
is no rise in itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

from contract.clock import Instant
from contract.event import Rule
from contract.reasons import Reason
from edge.config.rules import GatheringConfig
from edge.crowds.near import median_nearest
from edge.rules.base import RuleContext, ZoneRule
from edge.rules.moment import UNSEEN_AFTER_S, ZoneMoment
from edge.rules.reporter import Findings, lasted, latest_track_ids, people_estimated
from edge.signals import Signal

SAMPLE_EVERY_S = 1.0
PAST_S = 600.0
"""Seconds of counts that are kept; their spread says how much a rise must exceed chance."""
SHORTEST_RISE_S = 10.0
"""A rise is measured from the lowest count between `window_s` and this long ago."""
SMOOTH_SAMPLES = 5
"""The count is the median of so many samples, so that one missed detection changes nothing."""
ROBUST_SIGMAS = 3.0
"""A rise must exceed so many robust standard deviations of the counts before it."""
SIGMA_PER_MAD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""
KEEP_SHARE = 0.8
"""Share of the required rise that must last for `hold_s`."""
CLOSER = 0.8
"""People moved closer if the nearest-neighbour distance falls to this share."""
CLOSE = 2.0
"""Units: neighbours nearer than this are close together, whatever they were before."""
TOUCHING = 0.0
"""Units: the nearest-neighbour distance in a crowd that is too dense to count."""
PARTED_AFTER_S = 30.0
"""Seconds below half of the rise after which the gathering ends."""
SETTLE_S = 5.0
"""Seconds after a start or a pause in which people are still being found, so that nobody counts as arriving."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """count: smoothed. nearest: median nearest-neighbour distance, units; None with fewer than two people."""

    at: Instant
    count: float
    nearest: float | None


@dataclass(slots=True)
class _Rise:
    """A rise under watch. since: when it was found. began: when the count was lowest, at `before`. level: the count
    that must last.
    """

    since: Instant
    began: Instant
    before: float
    level: float


class GatheringRule(ZoneRule):
    """See `docs/behaviours.md`, Gathering."""

    kind = Rule.GATHERING
    uses_crowd_estimate = True

    def __init__(self, context: RuleContext, config: GatheringConfig) -> None:
        super().__init__(context, config)
        self._config = config
        self._recent: deque[int] = deque(maxlen=SMOOTH_SAMPLES)
        self._past: deque[_Sample] = deque()
        self._rise: _Rise | None = None
        self._settled_s: float | None = None
        self._key: str | None = None
        self._up_s = 0.0

    def observe(self, moment: ZoneMoment) -> list[Signal]:
        now_s = moment.at.mono_s
        if self._past and now_s - self._past[-1].at.mono_s < SAMPLE_EVERY_S * 0.95:
            return []
        if self._past and now_s - self._past[-1].at.mono_s > UNSEEN_AFTER_S:
            self._forget_past()
        if self._settled_s is None:
            self._settled_s = now_s + SETTLE_S
        if now_s < self._settled_s:
            return []
        sample = self._sample(moment)
        self._past.append(sample)
        while now_s - self._past[0].at.mono_s > PAST_S:
            self._past.popleft()
        if self._key is not None:
            return self._watch_end(moment, sample)
        return self._watch_rise(moment, sample)

    def _forget(self) -> None:
        self._key = None
        self._forget_past()

    def _forget_past(self) -> None:
        self._past.clear()
        self._recent.clear()
        self._settled_s = None
        if self._key is None:
            self._rise = None

    def _sample(self, moment: ZoneMoment) -> _Sample:
        here = [one for one in moment.presence.open if one.outside_since is None]
        crowd = moment.crowd
        self._recent.append(len(here) if crowd is None else max(len(here), round(crowd.low)))
        nearest = median_nearest(here) if crowd is None else TOUCHING
        return _Sample(moment.at, float(median(self._recent)), nearest)

    def _watch_rise(self, moment: ZoneMoment, sample: _Sample) -> list[Signal]:
        if self._rise is None:
            self._rise = self._find_rise(sample)
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
            grew = (people_estimated(moment.crowd), Reason(code="crowd_grew_beyond_count", params=growth))
        reasons = (*grew, Reason(code="closer_together"), lasted(rise.since, moment.at))
        present = moment.presence.present
        score = 0.4 + 0.05 * (sample.count - rise.before)
        findings = Findings(rise.began, score, reasons, len(present), latest_track_ids(present))
        signal = self._reporter.begin(moment, findings)
        self._key, self._up_s = signal.key, moment.at.mono_s
        return [signal]

    def _find_rise(self, sample: _Sample) -> _Rise | None:
        now_s = sample.at.mono_s
        window = [one for one in self._past if SHORTEST_RISE_S <= now_s - one.at.mono_s <= self._config.window_s]
        if not window:
            return None
        lowest = min(window, key=lambda one: (one.count, -one.at.mono_s))
        needed = max(float(self._config.min_rise), ROBUST_SIGMAS * self._spread(lowest.at.mono_s))
        if sample.count - lowest.count < needed or not _moved_closer(sample, lowest):
            return None
        return _Rise(sample.at, lowest.at, lowest.count, lowest.count + KEEP_SHARE * needed)

    def _spread(self, before_s: float) -> float:
        """Robust standard deviation of the counts before the rise."""
        counts = [one.count for one in self._past if one.at.mono_s <= before_s]
        middle = median(counts)
        return SIGMA_PER_MAD * median(abs(count - middle) for count in counts)

    def _watch_end(self, moment: ZoneMoment, sample: _Sample) -> list[Signal]:
        rise, key = self._rise, self._key
        if rise is None or key is None:
            return []
        self._reporter.update(key, people_count=moment.presence.count)
        if sample.count > (rise.before + rise.level) / 2:
            self._up_s = moment.at.mono_s
        if moment.at.mono_s - self._up_s < PARTED_AFTER_S:
            return []
        self._rise = self._key = None
        return [self._reporter.end(key, moment.at, (Reason(code="crowd_parted"), lasted(rise.since, moment.at)))]


def _moved_closer(now: _Sample, before: _Sample) -> bool:
    if now.nearest is None:
        return False
    return now.nearest <= CLOSE or (before.nearest is not None and now.nearest <= CLOSER * before.nearest)
