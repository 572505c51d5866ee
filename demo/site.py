"""The demo's site: two kampung with cameras, zones and rules, and the configuration files for them.

The thresholds are far lower than those for a street (`docs/behaviours.md`), because the footage lasts two minutes:
loitering from 15 s, a crowd from three people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEVICE_ID = "kotak-demo"
OWN_CAMERA_ID = "kamera-sendiri"
OWN_CAMERA_VARIABLE = "KENTONGAN_CAMERA_URL"
LOITERING_S = 15.0
COOLDOWN_S = 60.0
"""The footage repeats every minute or two; without this quiet time the same people would alert in every round."""

Settings = dict[str, object]
Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Kampung:
    id: str
    name: str


CEMPAKA = Kampung("kampung-cempaka", "Kampung Cempaka")
KENANGA = Kampung("kampung-kenanga", "Kampung Kenanga")


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone. `capacity` None: no occupancy rule; `loitering` False: no loitering rule."""

    id: str
    name: str
    polygon: Polygon
    capacity: int | None = None
    loitering: bool = True

    def settings(self) -> Settings:
        rules: Settings = {}
        if self.loitering:
            rules["loitering"] = {"threshold_s": LOITERING_S, "cooldown_s": COOLDOWN_S}
        if self.capacity is not None:
            rules["occupancy"] = {"capacity": self.capacity, "on_delay_s": 3.0, "off_delay_s": 10.0}
        return {"id": self.id, "name": self.name, "polygon": [list(point) for point in self.polygon], "rules": rules}


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera; a simulated one plays the footage recipe of the same name."""

    id: str
    name: str
    kampung: Kampung
    zones: tuple[Zone, ...]


def _rectangle(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


SIMULATED = (
    Camera(
        "pos-ronda",
        "Pos ronda",
        CEMPAKA,
        (
            Zone("tiang-lampu", "Dekat tiang lampu", _rectangle(0.38, 0.36, 0.68, 0.60)),
            Zone("jalan", "Jalan kampung", _rectangle(0.02, 0.30, 0.98, 0.98), capacity=5, loitering=False),
        ),
    ),
    Camera(
        "balai-warga",
        "Balai warga",
        CEMPAKA,
        (Zone("halaman", "Halaman balai", _rectangle(0.36, 0.66, 0.70, 0.98), capacity=3),),
    ),
    Camera(
        "gerbang-utara",
        "Gerbang utara",
        KENANGA,
        (Zone("gerbang", "Depan gerbang", _rectangle(0.35, 0.30, 0.98, 0.90), capacity=2),),
    ),
    Camera(
        "pertigaan",
        "Pertigaan",
        KENANGA,
        (Zone("sudut", "Sudut pertigaan", _rectangle(0.30, 0.45, 0.98, 1.0)),),
    ),
)

OWN = Camera(
    OWN_CAMERA_ID,
    "Kamera sendiri",
    CEMPAKA,
    (Zone("seluruh-gambar", "Seluruh gambar", _rectangle(0.0, 0.0, 1.0, 1.0), capacity=2),),
)
"""The user's own camera: the whole frame is one zone."""


def provisioning(cameras: Sequence[Camera]) -> Settings:
    """The site file for the server."""
    return {
        "kampung": [{"id": kampung.id, "name": kampung.name} for kampung in (CEMPAKA, KENANGA)],
        "cameras": [
            {
                "id": camera.id,
                "name": camera.name,
                "kampung_id": camera.kampung.id,
                "zones": [{"id": zone.id, "name": zone.name} for zone in camera.zones],
            }
            for camera in cameras
        ],
        "devices": [{"id": DEVICE_ID, "name": "Kotak demo", "cameras": [camera.id for camera in cameras]}],
    }


def server_settings(data_dir: Path, port: int) -> Settings:
    """The server's configuration: embedded defaults, on the loopback address."""
    return {"listen": {"host": "127.0.0.1", "port": port}, "data_dir": str(data_dir), "log": {"format": "text"}}


def edge_settings(cameras: Sequence[Camera], urls: dict[str, str], server_url: str, data_dir: Path) -> Settings:
    """The edge worker's configuration. A camera without a URL in `urls` reads it from the environment."""
    return {
        "device_id": DEVICE_ID,
        "server": {"url": server_url, "token_file": "token"},
        "data_dir": str(data_dir),
        "heartbeat_s": 5.0,
        "metrics": {"port": 0},
        "cameras": [
            {
                "id": camera.id,
                "name": camera.name,
                "kampung_id": camera.kampung.id,
                **({"url": urls[camera.id]} if camera.id in urls else {"url_env": OWN_CAMERA_VARIABLE}),
                "zones": [zone.settings() for zone in camera.zones],
            }
            for camera in cameras
        ],
    }
