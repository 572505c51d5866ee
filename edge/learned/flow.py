"""Which way people move at each place, and how fast: eight directions per cell, and the usual speed of the zone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

DIRECTIONS = 8
MIN_MOVES = 60.0
"""Person-seconds of movement in a cell below which its direction is not known."""
FULL = 20_000.0
SPEED_FULL = 20_000.0


def direction_of(vx: float, vy: float) -> int:
    """The eighth of the compass a velocity points to, 0 to 7; 0 is along +x, counting towards +y."""
    return round(math.atan2(vy, vx) / (2 * math.pi / DIRECTIONS)) % DIRECTIONS


@dataclass(slots=True)
class FlowMap:
    """cells: histogram of directions per cell. speed: mean speed of those who walk, units/s, and how many seconds."""

    cells: dict[int, list[float]] = field(default_factory=dict)
    speed: float = 0.0
    speed_seconds: float = 0.0

    def learn(self, cell: int, velocity: tuple[float, float], seconds: float) -> None:
        """Take in one person's movement of some seconds."""
        histogram = self.cells.setdefault(cell, [0.0] * DIRECTIONS)
        histogram[direction_of(*velocity)] += seconds
        if sum(histogram) > FULL:
            self.cells[cell] = [value / 2 for value in histogram]
        self.speed_seconds = min(SPEED_FULL, self.speed_seconds + seconds)
        self.speed += (math.hypot(*velocity) - self.speed) * min(1.0, seconds / self.speed_seconds)

    def share(self, cell: int, velocity: tuple[float, float]) -> float | None:
        """The share of the movement here that goes within 67 degrees of this way; None while too little is known."""
        histogram = self.cells.get(cell)
        if histogram is None or sum(histogram) < MIN_MOVES:
            return None
        middle = direction_of(*velocity)
        near = sum(histogram[(middle + turn) % DIRECTIONS] for turn in (-1, 0, 1))
        return near / sum(histogram)

    def usual_speed(self) -> float | None:
        """Units per second at which people walk here; None while fewer than a minute of walking was seen."""
        return self.speed if self.speed_seconds >= 60.0 else None
