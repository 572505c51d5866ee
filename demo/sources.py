"""The demo's video sources: the simulated cameras, or the one named by SOURCE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import av
from av.error import FFmpegError

from scripts.say import MissingPrerequisiteError

PROBE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class OwnSource:
    """The user's own camera or file. `url` may carry a log-in and is never shown; `shown` is."""

    url: str
    shown: str

    def __repr__(self) -> str:
        return f"OwnSource({self.shown})"

    @property
    def is_file(self) -> bool:
        """Whether it is a video file rather than a camera; a file's fault is permanent."""
        return self.url.startswith("file:")


def own_source(given: str) -> OwnSource:
    """What SOURCE names. Raises MissingPrerequisiteError, in one sentence, when it cannot be a source."""
    if given.startswith(("rtsp://", "rtsps://")):
        try:
            parts = urlsplit(given)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if host is None:
            raise MissingPrerequisiteError(
                "SOURCE must look like rtsp://user:password@host:port/path; in the password write @ as %40, : as %3A "
                "and / as %2F."
            )
        return OwnSource(given, f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}")
    file = Path(given).expanduser().resolve()
    if "://" in given or not file.is_file():
        scheme, _, rest = given.partition("://")
        shown = f"{scheme}://..." if rest else given
        raise MissingPrerequisiteError(f"SOURCE must be an rtsp:// address or a video file, got {shown}.")
    return OwnSource(file.as_uri(), str(file))


def fault_of(source: OwnSource) -> str | None:
    """Why `source` delivers no video now, without its log-in; None if it does."""
    options = {} if source.is_file else {"rtsp_transport": "tcp"}
    address = source.shown if source.is_file else source.url
    try:
        with av.open(address, options=options, timeout=PROBE_TIMEOUT_S) as container:
            if not container.streams.video:
                return "it has no video"
            codec = container.streams.video[0].codec_context.name
            return None if codec in {"h264", "hevc"} else f"its video is {codec}; H.264 and H.265 are understood"
    except FFmpegError as error:
        return error.strerror or type(error).__name__
