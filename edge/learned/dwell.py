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
"""Stays around a place, over all hours, below which nothing is known."""
SHRINK = 20.0
"""Stays of this hour at which they count as much as those of all hours."""
FADE = 0.5
FULL = 2000.0
"""When a cell holds so many stays, all of them fade by `FADE`: a place may change its use."""


def cell_of(x: float, y: float) -> int:
    """The cell of a foot point in parts of the picture."""
    column = min(COLUMNS - 1, max(0, int(x * COLUMNS)))
    row = min(ROWS - 1, max(0, int(y * ROWS)))
    return row * COLUMNS + column


def _bin_of(dwell_s: float) -> int:
    part = math.log(max(dwell_s, SHORTEST_S) / SHORTEST_S) / math.log(LONGEST_S / SHORTEST_S)
    return min(BINS - 1, int(part * BINS))


def _upper_s(index: int) -> float:
    return SHORTEST_S * math.pow(LONGEST_S / SHORTEST_S, (index + 1) / BINS)


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

    def limit_s(self, cell: int, hour_of_week: int, quantile: float = 0.99) -> float | None:
        """Seconds that all but 1 - quantile of the stays around here and at this hour last at most; None if unknown."""
        around = [self.cells[one] for one in _around(cell) if one in self.cells]
        whole = [sum(values) for values in zip(*around, strict=True)]
        total = sum(whole)
        if total < MIN_STAYS:
            return None
        keys = [one * HOURS_OF_WEEK + hour_of_week for one in _around(cell)]
        hours = [self.slots[key] for key in keys if key in self.slots]
        mixed = [value * SHRINK / total for value in whole]
        for histogram in hours:
            mixed = [value + more for value, more in zip(mixed, histogram, strict=True)]
        wanted, reached = quantile * sum(mixed), 0.0
        for index, value in enumerate(mixed):
            reached += value
            if reached >= wanted:
                return _upper_s(index)
        return LONGEST_S

    def _fade(self, cell: int) -> None:
        self.cells[cell] = [value * FADE for value in self.cells[cell]]
        for slot in [one for one in self.slots if one // HOURS_OF_WEEK == cell]:
            self.slots[slot] = [value * FADE for value in self.slots[slot]]


def _around(cell: int) -> list[int]:
    row, column = divmod(cell, COLUMNS)
    return [
        other_row * COLUMNS + other_column
        for other_row in range(max(0, row - 1), min(ROWS, row + 2))
        for other_column in range(max(0, column - 1), min(COLUMNS, column + 2))
    ]
