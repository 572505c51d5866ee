"""`kentongan-edge calibration`: what a camera's calibration makes of its picture, to look at and in figures."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import av.error
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from contract.clock import Instant, SystemClock
from edge.calibration.ground import Calibration, GroundPlane, band, calibrate
from edge.calibration.solve import CalibrationError
from edge.capture.session import SourceFault, SourceSettings, open_session
from edge.cli.calibration_overlay import densities, drawn
from edge.config import CameraConfig
from edge.config.zones import ZoneConfig
from edge.decode.decoder import AnalysisDecoder
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask
from edge.geometry import Polygon
from edge.rules.engine import build_behaviours
from edge.system.atomic_file import replace_file

PICTURE_KINDS = (".jpg", ".jpeg", ".png")
PATIENCE_S = 30.0
"""So long a camera may take to send its next keyframe."""


class CannotShowError(Exception):
    """Why there is no picture of a calibration, in a sentence without credentials."""


@dataclass(frozen=True, slots=True)
class Shown:
    """refused: why nothing in metres is believed, None where it is. Residuals as `Calibration` has them."""

    ground: Calibration
    refused: str | None
    size_wh: tuple[int, int]


def show(console: Console, camera: CameraConfig, picture: Path | None, output: Path) -> Shown:
    """Draw the calibration over a picture (the camera's own where `picture` is None), and print it in figures.

    The camera's privacy masks are burnt in first. Raises CannotShowError without calibration, picture or output.
    """
    if output.suffix.lower() not in PICTURE_KINDS:
        raise CannotShowError(f"--output is a picture, {', '.join(PICTURE_KINDS)}; got {output.name}")
    if camera.calibration is None:
        raise CannotShowError(
            f"camera {camera.id} has no calibration in the configuration; docs/calibration.md says how"
        )
    frame = _of_camera(camera) if picture is None else _of_file(picture)
    if camera.masks:
        frame = PrivacyMask(camera.masks).burnt_into(frame)
    try:
        ground = calibrate(camera.calibration, frame.aspect)
    except CalibrationError as error:
        raise CannotShowError(f"the calibration of camera {camera.id} fits no ground: {error}") from None
    found = Shown(ground, _refused(camera, frame.aspect), (frame.width, frame.height))
    verdict = "accepted" if found.refused is None else "REFUSED"
    head = f"calibration {ground.version}: {_residuals(ground)}: metres {verdict}"
    picture_bgr = drawn(frame.bgr(*found.size_wh), ground, camera.calibration, camera.zones, head)
    _, data = cv2.imencode(output.suffix.lower(), picture_bgr)
    try:
        replace_file(output, bytes(data))
    except OSError as error:
        raise CannotShowError(f"{output} cannot be written: {error.strerror}") from None
    _print(console, camera, found)
    return found


def _refused(camera: CameraConfig, aspect: float) -> str | None:
    """The worker's own verdict on this calibration with these zones."""
    try:
        build_behaviours(camera.zones, calibration=camera.calibration, aspect=aspect)
    except CalibrationError as error:
        return str(error)
    return None


def _of_camera(camera: CameraConfig) -> Frame:
    """The first picture that the main stream gives."""
    url = camera.main_url.get_secret_value()
    location = unquote(urlsplit(url).path) if url.startswith("file:") else url
    settings = SourceSettings(url=location, transport=camera.transport.value, speed=None)
    decoder, stop = AnalysisDecoder(60.0), threading.Event()
    timer = threading.Timer(PATIENCE_S, stop.set)
    timer.daemon = True
    timer.start()
    try:
        with open_session(settings, SystemClock(), stop) as session:
            for packet in session.packets():
                for frame in decoder.feed(packet):
                    return frame
    except SourceFault as fault:
        raise CannotShowError(f"no picture from camera {camera.id}: {fault.detail}") from None
    finally:
        timer.cancel()
    raise CannotShowError(f"no picture from camera {camera.id} within {PATIENCE_S:.0f} s")


def _of_file(path: Path) -> Frame:
    """A picture file, or the first picture of a video."""
    try:
        with av.open(str(path)) as container:
            picture = next(container.decode(video=0))
            return Frame.from_av(picture, Instant(0.0, datetime.now(UTC)))
    except (av.error.FFmpegError, OSError, IndexError, StopIteration):
        raise CannotShowError(f"{path} is no picture and no video that can be read") from None


def _print(console: Console, camera: CameraConfig, found: Shown) -> None:
    width, height = found.size_wh
    table = Table("zone", "on the ground", f"px/m at {width} x {height}", "band (IEC 62676-4)", "rules")
    for zone in camera.zones:
        table.add_row(*_row(zone, found))
    console.print(table)
    console.print(f"calibration {found.ground.version} of {camera.id}: {_residuals(found.ground)}", highlight=False)
    if found.refused is None:
        console.print("metric rules: accepted", highlight=False)
    else:
        console.print(
            f"metric rules: REFUSED, density is off and lengths are body heights: {found.refused}", highlight=False
        )


def _row(zone: ZoneConfig, found: Shown) -> Sequence[str]:
    polygon, ground = Polygon.of(zone.polygon), found.ground
    seen = _densities_in(polygon, found)
    rules = ", ".join(
        f"{name} (off)" if name == "density" and found.refused is not None else name
        for name, rule in zone.rules
        if rule is not None
    )
    area = GroundPlane(ground).area_m2(polygon) if ground.trusted else None
    if not ground.sees_ground(polygon.vertices).all():
        where = "reaches above the horizon"
    else:
        where = "unknown" if area is None else f"{area:.0f} m²"
    if len(seen) == 0:
        return zone.id, where, "-", "-", rules
    low, high = float(seen.min()), float(seen.max())
    bands = [band(value) or "below overview" for value in (low, high)]
    return zone.id, where, f"{low:.0f} to {high:.0f}", " to ".join(dict.fromkeys(bands)), rules


def _densities_in(polygon: Polygon, found: Shown) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Pixels per metre over a zone, sampled every four pixels and at its corners."""
    density = densities(found.ground, found.size_wh, 4)
    rows, columns = np.indices(density.shape)
    points = np.column_stack(((columns.ravel() + 0.5) / density.shape[1], (rows.ravel() + 0.5) / density.shape[0]))
    inside = density.ravel()[polygon.contains(points)]
    corners = polygon.vertices[found.ground.sees_ground(polygon.vertices)]
    every = np.concatenate((inside, found.ground.pixels_per_metre(corners, found.size_wh[1])))
    return every[np.isfinite(every)]


def _residuals(ground: Calibration) -> str:
    known = (("heights", ground.height_residual), ("distances", ground.distance_residual))
    told = [f"{name} off by {residual:.1%}" for name, residual in known if residual is not None]
    return ", ".join(told) or "nothing redundant was marked, so that its error is unknown"
