"""The motion of tracked people: a Kalman filter in seconds, not frames, for all tracks of a camera at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class KalmanSettings:
    """Assumptions about people and boxes. A body height stands for about 1.7 m, wherever the person is.

    speed_x, speed_y: standard deviation of the velocity across and down the frame, body heights per second; people walk
        at 1.4 m/s. It is less down the frame, because a camera looks down at people at a slant.
    speed_memory_s: time after which a velocity has decayed to 1/e: people turn and stop.
    box_noise: standard deviation of a box's centre, body heights.
    size_noise: standard deviation of the logarithm of a box's width and height.
    size_drift: standard deviation by which that logarithm drifts in a second.

    Raises ValueError unless all are positive.
    """

    speed_x: float = 0.8
    speed_y: float = 0.4
    speed_memory_s: float = 10.0
    box_noise: float = 0.06
    size_noise: float = 0.18
    size_drift: float = 0.12

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"KalmanSettings.{name} must be positive, got {getattr(self, name)}")


class KalmanBank:
    """The Kalman filters of T tracks as a structure of arrays, in frame heights (x is multiplied by the aspect).

    Each coordinate of the centre has a position and a velocity that follow an integrated Ornstein-Uhlenbeck process:
    the velocity decays towards zero, and noise keeps its standard deviation at `speed_*` body heights per second
    (closed-form discretisation as in Johnson et al., "Continuous-time correlated random walk model", Ecology 89:1208,
    2008). The uncertainty after a gap thus depends on the gap's length and not on the frame rate. The logarithms of
    width and height follow random walks.
    """

    def __init__(self, settings: KalmanSettings) -> None:
        self._settings = settings
        self._speed = np.array([settings.speed_x, settings.speed_y])
        # Position and velocity of each coordinate, (2, T, 2), in one array: with some tens of tracks a call of NumPy
        # costs more than the arithmetic.
        self._state = np.empty((2, 0, 2))
        # Variance of position, covariance of position and velocity, variance of velocity, per coordinate: (3, T, 2).
        self._covariance = np.empty((3, 0, 2))
        self.log_size = np.empty((0, 2))
        self._size_var = np.empty((0, 2))

    def __len__(self) -> int:
        return len(self.log_size)

    @property
    def position(self) -> Array:
        """(T, 2) centres, frame heights."""
        return _row(self._state, 0)

    @property
    def velocity(self) -> Array:
        """(T, 2) velocities, frame heights per second."""
        return _row(self._state, 1)

    @property
    def speed_variance(self) -> Array:
        """(T, 2) variances of the velocities."""
        return _row(self._covariance, 2)

    @property
    def heights(self) -> Array:
        """(T,) body heights, in frame heights."""
        heights: Array = np.exp(self.log_size[:, 1])
        return heights

    def predict(self, dt_s: float) -> None:
        """Advance all tracks by `dt_s` >= 0 seconds."""
        tau = self._settings.speed_memory_s
        decay = math.exp(-dt_s / tau)
        reach = tau * (1 - decay)
        state_law = np.array([[1.0, reach], [0.0, decay]])
        covariance_law = np.array([[1.0, 2 * reach, reach**2], [0.0, decay, decay * reach], [0.0, 0.0, decay**2]])
        noise = np.array(
            [2 * tau * (dt_s - 2 * reach + tau * (1 - decay**2) / 2), tau * (1 - decay) ** 2, 1 - decay**2]
        )
        speed_var = (self._speed * self.heights[:, None]) ** 2
        self._state = _combined(state_law, self._state)
        self._covariance = _combined(covariance_law, self._covariance) + noise[:, None, None] * speed_var
        self._size_var = self._size_var + self._settings.size_drift**2 * dt_s

    def innovations(self, measured: Array, noise: Array) -> tuple[Array, Array]:
        """(T, N, 4) differences of each measurement from each track, and their variances.

        measured: (N, 4), centre x and y, logarithms of width and height. noise: (N,), standard deviation of each
        measurement relative to an ordinary one, >= 1.
        """
        state = np.concatenate((self.position, self.log_size), axis=1)
        track_var = np.concatenate((self._covariance[0], self._size_var), axis=1)
        variance = track_var[:, None, :] + self._noise(self.heights)[:, None, :] * noise[None, :, None] ** 2
        return measured[None, :, :] - state[:, None, :], variance

    def correct(self, tracks: IndexArray, measured: Array, noise: Array) -> None:
        """Update the tracks with the indices (K,) by their measurements (K, 4); `noise` (K,) as for `innovations`."""
        variance = self._noise(self.heights[tracks]) * noise[:, None] ** 2
        covariance = self._covariance[:, tracks]
        gain = covariance[:2] / (covariance[0] + variance[:, :2])
        self._state[:, tracks] += gain * (measured[:, :2] - self.position[tracks])
        covariance[2] -= gain[1] * covariance[1]
        covariance[:2] *= 1 - gain[0]
        self._covariance[:, tracks] = covariance
        gain_size = self._size_var[tracks] / (self._size_var[tracks] + variance[:, 2:])
        self.log_size[tracks] += gain_size * (measured[:, 2:] - self.log_size[tracks])
        self._size_var[tracks] *= 1 - gain_size

    def append(self, measured: Array) -> None:
        """Add tracks at the measurements (K, 4), with unknown velocity."""
        size = measured[:, 2:]
        noise = self._noise(np.exp(size[:, 1]))
        speed_var = (self._speed * np.exp(size[:, 1])[:, None]) ** 2
        unknown = np.zeros_like(size)
        self._state = np.concatenate((self._state, (measured[:, :2], unknown)), axis=1)
        self._covariance = np.concatenate((self._covariance, (noise[:, :2], unknown, speed_var)), axis=1)
        self.log_size = np.concatenate((self.log_size, size))
        self._size_var = np.concatenate((self._size_var, noise[:, 2:]))

    def keep(self, mask: BoolArray) -> None:
        """Remove the tracks where `mask`, (T,) bool, is false."""
        self._state, self._covariance = self._state[:, mask], self._covariance[:, mask]
        self.log_size, self._size_var = self.log_size[mask], self._size_var[mask]

    def _noise(self, heights: Array) -> Array:
        """(N, 4) variances of ordinary measurements of people of these heights."""
        noise = np.empty((len(heights), 4))
        noise[:, :2] = ((self._settings.box_noise * heights) ** 2)[:, None]
        noise[:, 2:] = self._settings.size_noise**2
        return noise


def _combined(weights: Array, values: Array) -> Array:
    """(K, T, 2) linear combinations of the K values of each coordinate, weighted by the rows of `weights`, (K, K)."""
    combined: Array = (weights @ values.reshape(len(weights), -1)).reshape(values.shape)
    return combined


def _row(values: Array, index: int) -> Array:
    row: Array = values[index]
    return row
