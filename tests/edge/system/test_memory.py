"""Threads share heaps instead of each keeping its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from tests.support.workers import REPOSITORY

COUNT_HEAPS = """
import ctypes, sys, threading
from edge.system.memory import bound_arenas
if "bound" in sys.argv:
    print(bound_arenas(), file=sys.stderr)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(12)
def work():
    together.wait()
    for _ in range(200):
        libc.malloc(4000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stream)
libc.fflush(stream)
"""


def heaps(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return the number of heaps of a process with twelve allocating threads, and its output."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT_HEAPS, *arguments],
        cwd=REPOSITORY,
        env={key: value for key, value in os.environ.items() if key != "MALLOC_ARENA_MAX"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.count("<heap nr="), done.stderr.strip()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap for each thread")
def test_threads_share_two_heaps_where_each_would_have_its_own() -> None:
    assert heaps("bound") == (2, "True")
    assert heaps()[0] > 2


def test_a_given_malloc_arena_max_is_respected() -> None:
    assert heaps("bound", MALLOC_ARENA_MAX="1")[1] == "False"


GIVE_BACK = """
import ctypes
from pathlib import Path
from edge.system.memory import trim_heap
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
pieces = [libc.malloc(60_000) for _ in range(1000)]
for piece in pieces: libc.memset(piece, 1, 60_000)
for piece in pieces[:-1]: libc.free(ctypes.c_void_p(piece))
before = resident()
print(trim_heap(), before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_free_pages_between_used_ones_are_returned() -> None:
    done = subprocess.run([sys.executable, "-c", GIVE_BACK], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    gave, given_bytes = done.stdout.split()
    assert gave == "True"
    assert int(given_bytes) > 50_000_000
