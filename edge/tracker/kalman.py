"""How tracked people move: a Kalman filter in seconds, not frames, for all tracks of a camera at once."""

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
    """What is assumed of people and boxes. A body height stands for about 1.7 m, wherever the person is.

    speed_x, speed_y: standard deviation of the velocity across and along the picture, body heights per second: a walker
        does 1.4 m/s. Along is less, because a camera looks down at people at a slant.
    speed_memory_s: after this time a velocity is forgotten to 1/e: people turn and stop.
    box_noise: standard deviation of a box's centre, body heights.
    size_noise: standard deviation of the logarithm of a box's width and height.
    size_drift: how much that logarithm wanders in a second.
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
    """The motion states of T tracks as structure of arrays, in picture heights (x is multiplied by the aspect).

    Each of the centre's coordinates has a position and a velocity that follow an integrated Ornstein-Uhlenbeck process:
    the velocity decays towards standing still and is stirred so that its spread stays `speed_*` body heights per
    second (closed-form discretisation as in Johnson et al., "Continuous-time correlated random walk model", Ecology
    89:1208, 2008). So the uncertainty after any gap follows from the gap's length, whatever the frame rate. Width and
    height wander as logarithms.
    """

    def __init__(self, settings: KalmanSettings) -> None:
        self._settings = settings
        self._speed = np.array([settings.speed_x, settings.speed_y])
        # Position and velocity of each coordinate, (2, T, 2). What follows one law is kept in one array: a call of
        # NumPy costs more than the arithmetic on some tens of tracks.
        self._state = np.empty((2, 0, 2))
        # Per coordinate: variance of position, covariance of position and velocity, variance of velocity, (3, T, 2).
        self._spread = np.empty((3, 0, 2))
        self.log_size = np.empty((0, 2))
        self._size_var = np.empty((0, 2))

    def __len__(self) -> int:
        return len(self.log_size)

    @property
    def position(self) -> Array:
        """(T, 2) the centres."""
        return _row(self._state, 0)

    @property
    def velocity(self) -> Array:
        """(T, 2) picture heights a second."""
        return _row(self._state, 1)

    @property
    def speed_variance(self) -> Array:
        """(T, 2) of the velocities."""
        return _row(self._spread, 2)

    @property
    def heights(self) -> Array:
        """(T,) the tracks' body heights, in picture heights."""
        heights: Array = np.exp(self.log_size[:, 1])
        return heights

    def predict(self, dt_s: float) -> None:
        """Let `dt_s` >= 0 seconds pass."""
        tau = self._settings.speed_memory_s
        decay = math.exp(-dt_s / tau)
        reach = tau * (1 - decay)
        state_law = np.array([[1.0, reach], [0.0, decay]])
        spread_law = np.array([[1.0, 2 * reach, reach**2], [0.0, decay, decay * reach], [0.0, 0.0, decay**2]])
        stirring = np.array(
            [2 * tau * (dt_s - 2 * reach + tau * (1 - decay**2) / 2), tau * (1 - decay) ** 2, 1 - decay**2]
        )
        stir = (self._speed * self.heights[:, None]) ** 2
        self._state = _mixed(state_law, self._state)
        self._spread = _mixed(spread_law, self._spread) + stirring[:, None, None] * stir
        self._size_var = self._size_var + self._settings.size_drift**2 * dt_s

    def innovations(self, measured: Array, noise: Array) -> tuple[Array, Array]:
        """How far each measurement (N, 4: centre x y, log width height) is from each track.

        noise: (N,) by how much each measurement is noisier than an ordinary one, >= 1.
        Returns (T, N, 4) differences and their variances.
        """
        state = np.concatenate((self.position, self.log_size), axis=1)
        spread = np.concatenate((self._spread[0], self._size_var), axis=1)
        variance = spread[:, None, :] + self._noise(self.heights)[:, None, :] * noise[None, :, None] ** 2
        return measured[None, :, :] - state[:, None, :], variance

    def correct(self, tracks: IndexArray, measured: Array, noise: Array) -> None:
        """Let the tracks (K,) have been measured at (K, 4), with `noise` (K,) as for `innovations`."""
        variance = self._noise(self.heights[tracks]) * noise[:, None] ** 2
        spread = self._spread[:, tracks]
        gain = spread[:2] / (spread[0] + variance[:, :2])
        self._state[:, tracks] += gain * (measured[:, :2] - self.position[tracks])
        spread[2] -= gain[1] * spread[1]
        spread[:2] *= 1 - gain[0]
        self._spread[:, tracks] = spread
        gain_size = self._size_var[tracks] / (self._size_var[tracks] + variance[:, 2:])
        self.log_size[tracks] += gain_size * (measured[:, 2:] - self.log_size[tracks])
        self._size_var[tracks] *= 1 - gain_size

    def append(self, measured: Array) -> None:
        """New tracks at (K, 4), whose velocity is unknown."""
        size = measured[:, 2:]
        noise = self._noise(np.exp(size[:, 1]))
        speed_var = (self._speed * np.exp(size[:, 1])[:, None]) ** 2
        unknown = np.zeros_like(size)
        self._state = np.concatenate((self._state, (measured[:, :2], unknown)), axis=1)
        self._spread = np.concatenate((self._spread, (noise[:, :2], unknown, speed_var)), axis=1)
        self.log_size = np.concatenate((self.log_size, size))
        self._size_var = np.concatenate((self._size_var, noise[:, 2:]))

    def keep(self, mask: BoolArray) -> None:
        """Forget the tracks where `mask` (T,) is false."""
        self._state, self._spread = self._state[:, mask], self._spread[:, mask]
        self.log_size, self._size_var = self.log_size[mask], self._size_var[mask]

    def _noise(self, heights: Array) -> Array:
        noise = np.empty((len(heights), 4))
        noise[:, :2] = ((self._settings.box_noise * heights) ** 2)[:, None]
        noise[:, 2:] = self._settings.size_noise**2
        return noise


def _mixed(law: Array, values: Array) -> Array:
    """(K, T, 2) sums of the K values of each track's coordinates, weighted by the rows of `law` (K, K)."""
    mixed: Array = (law @ values.reshape(len(law), -1)).reshape(values.shape)
    return mixed


def _row(values: Array, index: int) -> Array:
    row: Array = values[index]
    return row
