"""The media folder. Names are made here, from identifiers that were validated: no name ever comes from a request.

`<kampung>/<yyyy-mm>/<clip id>.mp4` for a stored clip, `.part` behind it while bytes are still coming, `.jpg` for a
thumbnail. A file gets its final name only when its bytes are whole, hashed and on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from contract.errors import ErrorKind, KentonganError

PART_SUFFIX = ".part"
_HASH_CHUNK_BYTES = 1 << 20
_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def clip_name(kampung_id: str, starts_at: datetime, clip_id: UUID) -> str:
    """Where a clip is stored, relative to the media folder."""
    return f"{kampung_id}/{starts_at:%Y-%m}/{clip_id}.mp4"


def thumbnail_name(kampung_id: str, captured_at: datetime, event_id: UUID) -> str:
    """Where a thumbnail is stored, relative to the media folder."""
    return f"{kampung_id}/{captured_at:%Y-%m}/{event_id}.jpg"


@dataclass(frozen=True, slots=True)
class MediaFiles:
    """The folder `root`. Every method blocks: call them off the event loop."""

    root: Path

    def path(self, name: str) -> Path:
        """The file of a stored name.

        Raises:
            KentonganError: `not-found` if it would lie outside the folder; the database holds no such name, so this is
                a second lock behind the first.
        """
        path = self.root / name
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise KentonganError(ErrorKind.NOT_FOUND, "there is no such file")
        return path

    def existing(self, name: str) -> Path:
        """Raises:
        KentonganError: `not-found` when the row's file is missing.
        """
        path = self.path(name)
        if not path.is_file():
            raise KentonganError(ErrorKind.NOT_FOUND, "the file is missing from the server's storage")
        return path

    def partial_size(self, name: str) -> int:
        """Bytes of an upload that has not ended; 0 before the first."""
        try:
            return self._part(name).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, name: str, chunks: list[bytes]) -> int:
        """Append `chunks` to the partial file and return its size. What was written before a failure stays.

        Raises:
            KentonganError: `storage-full`.
        """
        part = self._part(name)
        try:
            self._make_folder(part.parent)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                for chunk in chunks:
                    _write_whole(descriptor, chunk)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _as_kentongan_error(error) from error
        return self.partial_size(name)

    def sync(self, name: str) -> None:
        """Put the partial file's bytes on the disk, so that the offset that is answered stays true after a power cut.

        Raises:
            KentonganError: `storage-full`.
        """
        part = self._part(name)
        if part.exists():
            try:
                _sync_file(part)
            except OSError as error:
                raise _as_kentongan_error(error) from error

    def cut(self, name: str, size_bytes: int) -> None:
        """Shorten the partial file to `size_bytes`."""
        if self._part(name).exists():
            os.truncate(self._part(name), size_bytes)

    def seal(self, name: str, sha256: str) -> bool:
        """Give the partial file its final name if its bytes have the hash; otherwise drop it and return False.

        Raises:
            KentonganError: `storage-full`, `unavailable`; the file stays as it is, to be sealed later.
        """
        part, final = self._part(name), self.path(name)
        try:
            arrived = final if final.exists() else part
            if hash_file(arrived) != sha256:
                arrived.unlink()
                return False
            if arrived is part:
                _sync_file(part)
                part.rename(final)
            _sync_folder(final.parent)
        except OSError as error:
            raise _as_kentongan_error(error) from error
        part.unlink(missing_ok=True)
        return True

    def store(self, name: str, body: bytes) -> None:
        """Write a small file whole.

        Raises:
            KentonganError: `storage-full`; nothing is left behind.
        """
        part, final = self._part(name), self.path(name)
        try:
            self._make_folder(part.parent)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write_whole(descriptor, body)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            part.rename(final)
            _sync_folder(final.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise _as_kentongan_error(error) from error

    def _part(self, name: str) -> Path:
        path = self.path(name)
        return path.with_name(path.name + PART_SUFFIX)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        for missing in reversed([folder, *(up for up in folder.parents if up.is_relative_to(self.root))]):
            missing.mkdir(mode=0o700, exist_ok=True)  # with `parents`, those between would get the usual mode
        for made in (folder, *folder.parents):
            _sync_folder(made)
            if made == self.root:
                break


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _write_whole(descriptor: int, chunk: bytes) -> None:
    """`os.write` may write less than it was given, for instance up to the last free byte of the disk."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_sync_folder = _sync_file
"""A new name is durable once its folder is; on Linux a folder is synchronised like a file."""


def _as_kentongan_error(error: OSError) -> KentonganError:
    if error.errno in _FULL_ERRNOS:
        return KentonganError(ErrorKind.STORAGE_FULL, "the server's disk is full; what was stored stays")
    return KentonganError(ErrorKind.UNAVAILABLE, f"the server's storage failed: {error.strerror}")
