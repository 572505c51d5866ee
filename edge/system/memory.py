"""Keeping the process small: how glibc gives memory to threads, and when it gives it back."""

from __future__ import annotations

import ctypes
import os

ARENAS = 2
_M_ARENA_MAX = -8  # malloc.h


def bound_arenas() -> bool:
    """Let all threads share two heaps; true if that was done. Call it before the first thread is started.

    glibc gives each thread a heap of its own, up to eight for each core, and each keeps what its thread once needed.
    A worker's threads mostly wait, so that they lose nothing by sharing. With four cameras it saves some 25 MB
    (`python -m bench.soak`). Who sets MALLOC_ARENA_MAX has decided already; another C library has no such heaps.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_M_ARENA_MAX, ARENAS))


def trim_heap() -> bool:
    """Give the pages that no thread needs any more back to the system; true if there were any.

    Sessions, clips and decoders come and go in all sizes and leave holes between what stays. glibc keeps them, and the
    process would seem to grow by some megabytes an hour without leaking. It takes a few milliseconds.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except AttributeError:
        return False
    return bool(trim(0))
