"""How tracked people move: a Kalman filter in seconds, not frames, for all tracks of a camera at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class MotionSettings:
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
                raise ValueError(f"MotionSettings.{name} must be positive, got {getattr(self, name)}")


class MotionBank:
    """The motion states of T tracks as structure of arrays, in picture heights (x is multiplied by the aspect).

    Each of the centre's coordinates has a position and a velocity that follow an integrated Ornstein-Uhlenbeck process:
    the velocity decays towards standing still and is stirred so that its spread stays `speed_*` body heights per
    second (closed-form discretisation as in Johnson et al., "Continuous-time correlated random walk model", Ecology
    89:1208, 2008). So the uncertainty after any gap follows from the gap's length, whatever the frame rate. Width and
    height wander as logarithms.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self._settings = settings
        self._speed = np.array([settings.speed_x, settings.speed_y])
        self.position = np.empty((0, 2))
        self.velocity = np.empty((0, 2))
        self.log_size = np.empty((0, 2))
        # Per coordinate: variance of position, covariance of position and velocity, variance of velocity.
        self._pp, self._pv, self._vv = np.empty((0, 2)), np.empty((0, 2)), np.empty((0, 2))
        self._size_var = np.empty((0, 2))

    def __len__(self) -> int:
        return len(self.position)

    @property
    def heights(self) -> Array:
        """(T,) the tracks' body heights, in picture heights."""
        heights: Array = np.exp(self.log_size[:, 1])
        return heights

    def predict(self, dt_s: float) -> None:
        """Let `dt_s` >= 0 seconds pass."""
        tau = self._settings.speed_memory_s
        decay = np.exp(-dt_s / tau)
        reach = tau * (1 - decay)
        stir = (self._speed * self.heights[:, None]) ** 2
        self.position = self.position + reach * self.velocity
        self.velocity = decay * self.velocity
        self._pp = (
            self._pp
            + 2 * reach * self._pv
            + reach**2 * self._vv
            + 2 * stir * tau * (dt_s - 2 * reach + tau * (1 - decay**2) / 2)
        )
        self._pv = decay * (self._pv + reach * self._vv) + stir * tau * (1 - decay) ** 2
        self._vv = decay**2 * self._vv + stir * (1 - decay**2)
        self._size_var = self._size_var + self._settings.size_drift**2 * dt_s

    def innovations(self, measured: Array, noise: Array) -> tuple[Array, Array]:
        """How far each measurement (N, 4: centre x y, log width height) is from each track.

        noise: (N,) by how much each measurement is noisier than an ordinary one, >= 1.
        Returns (T, N, 4) differences and their variances.
        """
        state = np.concatenate((self.position, self.log_size), axis=1)
        spread = np.concatenate((self._pp, self._size_var), axis=1)
        variance = spread[:, None, :] + self._noise(self.heights)[:, None, :] * noise[None, :, None] ** 2
        return measured[None, :, :] - state[:, None, :], variance

    def correct(self, tracks: IndexArray, measured: Array, noise: Array) -> None:
        """Let the tracks (K,) have been measured at (K, 4), with `noise` (K,) as for `innovations`."""
        variance = self._noise(self.heights[tracks]) * noise[:, None] ** 2
        gain_p = self._pp[tracks] / (self._pp[tracks] + variance[:, :2])
        gain_v = self._pv[tracks] / (self._pp[tracks] + variance[:, :2])
        difference = measured[:, :2] - self.position[tracks]
        self.position[tracks] += gain_p * difference
        self.velocity[tracks] += gain_v * difference
        self._vv[tracks] -= gain_v * self._pv[tracks]
        self._pv[tracks] *= 1 - gain_p
        self._pp[tracks] *= 1 - gain_p
        gain_size = self._size_var[tracks] / (self._size_var[tracks] + variance[:, 2:])
        self.log_size[tracks] += gain_size * (measured[:, 2:] - self.log_size[tracks])
        self._size_var[tracks] *= 1 - gain_size

    def append(self, measured: Array) -> None:
        """New tracks at (K, 4), whose velocity is unknown."""
        size = measured[:, 2:]
        noise = self._noise(np.exp(size[:, 1]))
        speed_var = (self._speed * np.exp(size[:, 1])[:, None]) ** 2
        self.position = np.concatenate((self.position, measured[:, :2]))
        self.velocity = np.concatenate((self.velocity, np.zeros_like(size)))
        self.log_size = np.concatenate((self.log_size, size))
        self._pp = np.concatenate((self._pp, noise[:, :2]))
        self._pv = np.concatenate((self._pv, np.zeros_like(size)))
        self._vv = np.concatenate((self._vv, speed_var))
        self._size_var = np.concatenate((self._size_var, noise[:, 2:]))

    def keep(self, mask: BoolArray) -> None:
        """Forget the tracks where `mask` (T,) is false."""
        self.position, self.velocity = self.position[mask], self.velocity[mask]
        self._pp, self._pv, self._vv = self._pp[mask], self._pv[mask], self._vv[mask]
        self.log_size, self._size_var = self.log_size[mask], self._size_var[mask]

    def _noise(self, heights: Array) -> Array:
        noise = np.empty((len(heights), 4))
        noise[:, :2] = ((self._settings.box_noise * heights) ** 2)[:, None]
        noise[:, 2:] = self._settings.size_noise**2
        return noise
