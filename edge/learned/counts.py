"""How many people are usual in each hour of the week: a negative binomial whose mean shrinks towards coarser groups.

Counts of people are overdispersed and autocorrelated, so that Poisson limits fire many times a day. The mean of an
hour of the week is drawn towards that hour on weekdays or weekends, and this towards all hours. The dispersion is
taken from the errors of the predictions themselves, from the second week of an hour on, so that what the mean does not
know yet widens the limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

HOURS_OF_WEEK = 168
SAMPLES_PER_WEEK = 60.0
"""One sample a minute: an hour of the week gives so many every week."""
MEMORY_WEEKS = 8.0
EFFECTIVE_PER_WEEK = 4.0
"""Minutes of one hour resemble each other: they weigh like so many independent samples."""
SHRINK = 4.0
"""Independent samples at which an hour counts as much as the group above it."""
DISPERSION_PRIOR, DISPERSION_PRIOR_WEIGHT = 0.15, 500.0


@dataclass(slots=True)
class Mean:
    """A mean with a bounded memory: beyond `MEMORY_WEEKS` the oldest fade."""

    count: float = 0.0
    mean: float = 0.0

    def add(self, value: float, limit: float) -> None:
        self.count = min(self.count + 1.0, limit)
        self.mean += (value - self.mean) / self.count


@dataclass(slots=True)
class CountBaseline:
    """The baseline of one zone; `hour_of_week` counts from Monday 00:00 local time, 0 to 167."""

    hours: list[Mean] = field(default_factory=lambda: [Mean() for _ in range(HOURS_OF_WEEK)])
    excess: float = 0.0
    squares: float = 0.0
    samples: float = 0.0
    first_utc_s: float | None = None

    def learn(self, hour_of_week: int, count: float, utc_s: float) -> None:
        """Take in the count of one minute."""
        if self.first_utc_s is None:
            self.first_utc_s = utc_s
        usual = self.mean(hour_of_week)
        if self.hours[hour_of_week].count >= SAMPLES_PER_WEEK:
            fade = 1.0 - 1.0 / (SAMPLES_PER_WEEK * HOURS_OF_WEEK * MEMORY_WEEKS)
            self.excess = self.excess * fade + (count - usual) ** 2 - usual
            self.squares = self.squares * fade + usual**2
            self.samples = self.samples * fade + 1.0
        self.hours[hour_of_week].add(count, SAMPLES_PER_WEEK * MEMORY_WEEKS)

    def age_days(self, utc_s: float) -> float:
        """Days since the first sample; 0 without any."""
        return 0.0 if self.first_utc_s is None else (utc_s - self.first_utc_s) / 86_400.0

    def mean(self, hour_of_week: int) -> float:
        """The usual count, shrunk from the hour of the week to the hour of weekday or weekend to all."""
        every = [hour for hour in self.hours if hour.count]
        overall = sum(hour.mean for hour in every) / len(every) if every else 0.0
        weight, grouped = self._group(hour_of_week)
        middle = _shrink(grouped, weight, overall)
        own = self.hours[hour_of_week]
        return _shrink(own.mean, own.count / SAMPLES_PER_WEEK * EFFECTIVE_PER_WEEK, middle)

    def dispersion(self) -> float:
        """The alpha of variance = mean + alpha x mean², at least 0.01."""
        prior = DISPERSION_PRIOR_WEIGHT * max(1.0, self.squares / self.samples if self.samples else 1.0)
        return max(0.01, (self.excess + DISPERSION_PRIOR * prior) / (self.squares + prior))

    def limit(self, hour_of_week: int, quantile: float) -> int:
        """The count that is exceeded with probability 1 - quantile at this hour."""
        return negative_binomial_quantile(self.mean(hour_of_week), self.dispersion(), quantile)

    def _group(self, hour_of_week: int) -> tuple[float, float]:
        """(independent samples, mean) of this hour of the day on weekdays, or on weekends."""
        day, hour = divmod(hour_of_week, 24)
        days = range(5) if day < 5 else range(5, 7)
        seen = [one for one in (self.hours[other * 24 + hour] for other in days) if one.count]
        if not seen:
            return 0.0, 0.0
        total = sum(one.count for one in seen)
        mean = sum(one.mean * one.count for one in seen) / total
        return total / SAMPLES_PER_WEEK * EFFECTIVE_PER_WEEK, mean


def _shrink(value: float, samples: float, towards: float) -> float:
    return (samples * value + SHRINK * towards) / (samples + SHRINK)


def negative_binomial_quantile(mean: float, dispersion: float, quantile: float) -> int:
    """The smallest count whose cumulative probability reaches `quantile`; variance = mean + dispersion x mean²."""
    if mean <= 0.0:
        return 0
    size = 1.0 / dispersion
    success = size / (size + mean)
    chance = math.exp(size * math.log(success))
    total, count = chance, 0
    while total < quantile and count < 100_000:
        count += 1
        chance *= (count - 1 + size) / count * (1.0 - success)
        total += chance
    return count
