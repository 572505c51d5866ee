"""`kentongan-edge calibration`: a camera's calibration drawn over a frame and printed in figures."""

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
from edge.cli.calibration_overlay import densities, draw_calibration
from edge.config import CameraConfig
from edge.config.zones import ZoneConfig
from edge.decode.decoder import AnalysisDecoder
from edge.decode.frame import Frame
from edge.decode.masks import PrivacyMask
from edge.geometry import Polygon
from edge.rules.engine import build_behaviours
from edge.system.atomic_file import replace_file

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
FRAME_TIMEOUT_S = 30.0
"""How long a camera may take to send its next keyframe."""


class CannotShowError(Exception):
    """Why a calibration cannot be shown, in a sentence without credentials."""


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A calibration on a frame of `size_wh` pixels. refused: why the metric rules are off; None: they are accepted."""

    ground: Calibration
    refused: str | None
    size_wh: tuple[int, int]


def show(console: Console, camera: CameraConfig, image: Path | None, output: Path) -> CalibrationReport:
    """Draw the calibration over an image file's or video's first frame, write it to `output`, and print its figures.

    image: None reads a frame from the camera. The camera's privacy masks are burnt in first. Raises CannotShowError
    when the camera has no calibration, no frame can be read, or `output` cannot be written.
    """
    if output.suffix.lower() not in IMAGE_SUFFIXES:
        raise CannotShowError(f"--output is an image, {', '.join(IMAGE_SUFFIXES)}; got {output.name}")
    if camera.calibration is None:
        raise CannotShowError(
            f"camera {camera.id} has no calibration in the configuration; docs/calibration.md says how"
        )
    frame = _read_camera(camera) if image is None else _read_file(image)
    if camera.masks:
        frame = PrivacyMask(camera.masks).burnt_into(frame)
    try:
        ground = calibrate(camera.calibration, frame.aspect)
    except CalibrationError as error:
        raise CannotShowError(f"the calibration of camera {camera.id} fits no ground: {error}") from None
    report = CalibrationReport(ground, _refused(camera, frame.aspect), (frame.width, frame.height))
    accepted = "accepted" if report.refused is None else "REFUSED"
    head = f"calibration {ground.version}: {_residuals(ground)}: metres {accepted}"
    overlay = draw_calibration(frame.bgr(*report.size_wh), ground, camera.calibration, camera.zones, head)
    _, data = cv2.imencode(output.suffix.lower(), overlay)
    try:
        replace_file(output, bytes(data))
    except OSError as error:
        raise CannotShowError(f"{output} cannot be written: {error.strerror}") from None
    _print(console, camera, report)
    return report


def _refused(camera: CameraConfig, aspect: float) -> str | None:
    """Why the worker would refuse this calibration with these zones; None if it accepts it."""
    try:
        build_behaviours(camera.zones, calibration=camera.calibration, aspect=aspect)
    except CalibrationError as error:
        return str(error)
    return None


def _read_camera(camera: CameraConfig) -> Frame:
    """The first frame of the camera's recording stream."""
    url = camera.main_url.get_secret_value()
    location = unquote(urlsplit(url).path) if url.startswith("file:") else url
    settings = SourceSettings(url=location, transport=camera.transport.value, speed=None)
    decoder, stop = AnalysisDecoder(60.0), threading.Event()
    timer = threading.Timer(FRAME_TIMEOUT_S, stop.set)
    timer.daemon = True
    timer.start()
    try:
        with open_session(settings, SystemClock(), stop) as session:
            for packet in session.packets():
                for frame in decoder.feed(packet):
                    return frame
    except SourceFault as fault:
        raise CannotShowError(f"no frame from camera {camera.id}: {fault.detail}") from None
    finally:
        timer.cancel()
    raise CannotShowError(f"no frame from camera {camera.id} within {FRAME_TIMEOUT_S:.0f} s")


def _read_file(path: Path) -> Frame:
    """An image file, or the first frame of a video file."""
    try:
        with av.open(str(path)) as container:
            decoded = next(container.decode(video=0))
            return Frame.from_av(decoded, Instant(0.0, datetime.now(UTC)))
    except (av.error.FFmpegError, OSError, IndexError, StopIteration):
        raise CannotShowError(f"{path} is neither an image nor a video that can be read") from None


def _print(console: Console, camera: CameraConfig, report: CalibrationReport) -> None:
    width, height = report.size_wh
    table = Table("zone", "on the ground", f"px/m at {width} x {height}", "band (IEC 62676-4)", "rules")
    for zone in camera.zones:
        table.add_row(*_row(zone, report))
    console.print(table)
    console.print(f"calibration {report.ground.version} of {camera.id}: {_residuals(report.ground)}", highlight=False)
    if report.refused is None:
        console.print("metric rules: accepted", highlight=False)
    else:
        console.print(
            f"metric rules: REFUSED, density is off and lengths are body heights: {report.refused}", highlight=False
        )


def _row(zone: ZoneConfig, report: CalibrationReport) -> Sequence[str]:
    polygon, ground = Polygon.of(zone.polygon), report.ground
    px_per_m = _densities_in(polygon, report)
    rules = ", ".join(
        f"{name} (off)" if name == "density" and report.refused is not None else name
        for name, rule in zone.rules
        if rule is not None
    )
    area = GroundPlane(ground).area_m2(polygon) if ground.trusted else None
    if not ground.sees_ground(polygon.vertices).all():
        where = "reaches above the horizon"
    else:
        where = "unknown" if area is None else f"{area:.0f} m²"
    if len(px_per_m) == 0:
        return zone.id, where, "-", "-", rules
    low, high = float(px_per_m.min()), float(px_per_m.max())
    bands = [band(value) or "below overview" for value in (low, high)]
    return zone.id, where, f"{low:.0f} to {high:.0f}", " to ".join(dict.fromkeys(bands)), rules


def _densities_in(polygon: Polygon, report: CalibrationReport) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(N,) pixels per metre over a zone, sampled every four pixels and at its corners."""
    density = densities(report.ground, report.size_wh, 4)
    rows, columns = np.indices(density.shape)
    points = np.column_stack(((columns.ravel() + 0.5) / density.shape[1], (rows.ravel() + 0.5) / density.shape[0]))
    inside = density.ravel()[polygon.contains(points)]
    corners = polygon.vertices[report.ground.sees_ground(polygon.vertices)]
    samples = np.concatenate((inside, report.ground.pixels_per_metre(corners, report.size_wh[1])))
    return samples[np.isfinite(samples)]


def _residuals(ground: Calibration) -> str:
    """The calibration's errors in words."""
    residuals = (("heights", ground.height_residual), ("distances", ground.distance_residual))
    known = [f"{name} off by {residual:.1%}" for name, residual in residuals if residual is not None]
    return ", ".join(known) or "error unknown: the marks contain nothing redundant to check against"
