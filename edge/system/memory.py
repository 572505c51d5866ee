"""Limits the memory that glibc's allocator keeps for the process."""

from __future__ import annotations

import ctypes
import os

ARENAS = 2
"""Number of heaps that all threads share."""
_M_ARENA_MAX = -8  # malloc.h


def bound_arenas() -> bool:
    """Limit glibc to `ARENAS` heaps for all threads; return whether it did. Call it before starting any thread.

    glibc creates a heap per thread, up to eight per core, and each keeps what its thread once needed. A worker's
    threads mostly wait, so sharing costs nothing; with four cameras it saves about 25 MB (`python -m bench.soak`).
    Returns false if MALLOC_ARENA_MAX is set or the C library is not glibc.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_M_ARENA_MAX, ARENAS))


def trim_heap() -> bool:
    """Return unused heap pages to the operating system; return whether there were any. Takes a few milliseconds.

    Sessions, clips and decoders of all sizes come and go and fragment the heap. glibc keeps the holes, so that the
    process would grow by some megabytes an hour without a leak. Returns false if the C library is not glibc.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return False
    return bool(trim(0))
