"""How long people usually stay at each place and hour: the stall, the bench and the ojek stand teach themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

HOURS_OF_WEEK = 168
COLUMNS, ROWS = 32, 18
BINS = 28
SHORTEST_S, LONGEST_S = 5.0, 3600.0
MAX_SLOTS = 4000
"""Cells and hours kept at most; the thinnest give way."""
MIN_STAYS = 40.0
"""Stays around a place, over all hours, below which the circle is drawn wider."""
REACH = 4
"""Cells in each direction from which stays are borrowed at most, until there are `MIN_STAYS`; one at the least."""
SHRINK = 20.0
"""Stays of this hour at which they count as much as those of all hours."""
FADE = 0.5
FULL = 2000.0
"""When a cell holds so many stays, all of them fade by `FADE`: a place may change its use."""


def cell_of(x: float, y: float) -> int:
    """The cell of a foot point in normalised coordinates."""
    column = min(COLUMNS - 1, max(0, int(x * COLUMNS)))
    row = min(ROWS - 1, max(0, int(y * ROWS)))
    return row * COLUMNS + column


def _bin_of(dwell_s: float) -> int:
    return min(BINS - 1, int(_place_of(dwell_s)))


def _place_of(dwell_s: float) -> float:
    """Where a dwell lies among the bins, 0 to `BINS`."""
    return BINS * math.log(max(dwell_s, SHORTEST_S) / SHORTEST_S) / math.log(LONGEST_S / SHORTEST_S)


def _upper_s(index: int) -> float:
    return SHORTEST_S * math.pow(LONGEST_S / SHORTEST_S, (index + 1) / BINS)


@dataclass(frozen=True, slots=True)
class UsualStays:
    """How long people stay at one place and hour. stays: (`BINS`,) how many, weighted, in each bin of the dwell."""

    stays: tuple[float, ...]

    def limit_s(self, quantile: float) -> float:
        """Seconds that all but 1 - quantile of the stays last at most."""
        wanted, reached = quantile * sum(self.stays), 0.0
        for index, value in enumerate(self.stays):
            reached += value
            if reached >= wanted:
                return _upper_s(index)
        return LONGEST_S

    def share_longer(self, dwell_s: float) -> float:
        """The share of the stays that last longer than this, 0 to 1; even within a bin."""
        whole = int(place := min(float(BINS), _place_of(dwell_s)))
        longer = sum(self.stays[whole + 1 :]) + (self.stays[whole] * (whole + 1 - place) if whole < BINS else 0.0)
        return longer / sum(self.stays)


@dataclass(slots=True)
class DwellMap:
    """Histograms of the dwell: per cell over all hours, and per cell and hour of the week where there were stays.

    A slot's key is cell x 168 + hour of the week.
    """

    cells: dict[int, list[float]] = field(default_factory=dict)
    slots: dict[int, list[float]] = field(default_factory=dict)

    def learn(self, cell: int, hour_of_week: int, dwell_s: float) -> None:
        """Take in one finished stay."""
        index = _bin_of(dwell_s)
        whole = self.cells.setdefault(cell, [0.0] * BINS)
        whole[index] += 1.0
        self.slots.setdefault(cell * HOURS_OF_WEEK + hour_of_week, [0.0] * BINS)[index] += 1.0
        if sum(whole) > FULL:
            self._fade(cell)
        if len(self.slots) > MAX_SLOTS:
            del self.slots[min(self.slots, key=lambda slot: sum(self.slots[slot]))]

    def usual(self, cell: int, hour_of_week: int) -> UsualStays | None:
        """The stays around here, those of this hour before all; None while too few are known even in a wide circle."""
        for reach in range(1, REACH + 1):
            near = _around(cell, reach)
            whole = [
                sum(values) for values in zip(*(self.cells[one] for one in near if one in self.cells), strict=True)
            ]
            total = sum(whole)
            if total >= MIN_STAYS:
                break
        else:
            return None
        mixed = [value * SHRINK / total for value in whole]
        for key in (one * HOURS_OF_WEEK + hour_of_week for one in near):
            if key in self.slots:
                mixed = [value + more for value, more in zip(mixed, self.slots[key], strict=True)]
        return UsualStays(tuple(mixed))

    def _fade(self, cell: int) -> None:
        self.cells[cell] = [value * FADE for value in self.cells[cell]]
        for slot in [one for one in self.slots if one // HOURS_OF_WEEK == cell]:
            self.slots[slot] = [value * FADE for value in self.slots[slot]]


def _around(cell: int, reach: int) -> list[int]:
    row, column = divmod(cell, COLUMNS)
    return [
        other_row * COLUMNS + other_column
        for other_row in range(max(0, row - reach), min(ROWS, row + reach + 1))
        for other_column in range(max(0, column - reach), min(COLUMNS, column + reach + 1))
    ]
