"""What this machine gives a model: processor cores and memory, as far as limits on this process let it.

Containers and services often may use less than the machine has: control groups (both versions), processor
affinity. Where the system does not tell, a figure is 0. Not for graphics cards: llama.cpp computes on the
processor here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ENDLESS = 1 << 60
"""Control groups of version 1 say "no limit" with a number near 2^63."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`cores`: physical and fast ones; `memory` and `available` (memory and swap): bytes, 0 is unknown."""

    cores: int
    memory: int = 0
    available: int = 0


def measure(root: Path = Path("/")) -> Machine:
    """Look at this machine now; `root` is another tree for tests. Blocks for some files' reading."""
    if sys.platform == "win32":
        memory, available = _windows_memory()
        return Machine(max(1, (os.cpu_count() or 1) // 2), memory, available)
    if sys.platform == "darwin":
        cores = _sysctl("hw.perflevel0.physicalcpu") or _sysctl("hw.physicalcpu")
        return Machine(cores or max(1, (os.cpu_count() or 1) // 2), _sysctl("hw.memsize"))
    here = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return Machine(linux_cores(root, here), *linux_memory(root))


def oom_kills(root: Path = Path("/")) -> int | None:
    """How many processes this kernel has ended for want of memory so far; None: it does not tell."""
    return _fields(root / "proc/vmstat").get("oom_kill")


# --- Linux ---


def linux_cores(root: Path, usable: set[int]) -> int:
    """Physical cores among the processors `usable`, without slow ones, and within the groups' quota."""
    system = root / "sys/devices"
    fast = usable & _listed(_text(system / "cpu_core/cpus"))  # Intel's performance cores; "" elsewhere
    capacities = {cpu: _number(system / f"system/cpu/cpu{cpu}/cpu_capacity") or 0 for cpu in usable}
    if not fast and any(capacities.values()):  # Arm's big and little ones
        fast = {cpu for cpu in usable if capacities[cpu] * 2 >= max(capacities.values())}
    chosen = fast or usable
    siblings = {_text(system / f"system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in chosen}
    cores = len(chosen) // 2 if "" in siblings else len(siblings)
    for folder in _groups(root, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if not period:
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def linux_memory(root: Path) -> tuple[int, int]:
    """All memory, and what may be had of it now, in bytes."""
    told = _fields(root / "proc/meminfo")
    memory = told.get("MemTotal", 0) * 1024
    available = (told.get("MemAvailable", 0) + told.get("SwapFree", 0)) * 1024
    for folder in _groups(root, "memory"):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        if not limit or limit >= _ENDLESS:
            continue
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes") or 0
        counted = _fields(folder / "memory.stat")
        cached = counted.get("total_cache", counted.get("file", 0))  # given up before anything is ended,
        cached -= counted.get("total_shmem", counted.get("shmem", 0))  # but for files in memory
        memory = min(memory, limit) if memory else limit
        left = max(1, limit - max(0, used - cached))
        available = min(available, left) if available else left
    return memory, available


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of all above it, for either version."""
    for line in _text(root / "proc/self/cgroup").split("\n"):
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if names and controller not in names.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if names else "")
        inner = top / path.strip("/")
        # A container often sees its own group as the top, whatever path it is told.
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(top))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isdigit() else None


def _fields(path: Path) -> dict[str, int]:
    """A file of lines `name number` or `name: number unit`."""
    found = {}
    for line in _text(path).split("\n"):
        name, _, rest = line.replace(":", " ").partition(" ")
        number = rest.split()
        if number and number[0].isdigit():
            found[name] = int(number[0])
    return found


def _listed(text: str) -> set[int]:
    """Numbers as the kernel lists them: `0-3,8`."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            found.update(range(int(first), int(last if last.isdigit() else first) + 1))
    return found


# --- others ---


def _sysctl(name: str) -> int:
    """A number of macOS's, 0 where it does not know it."""
    import ctypes

    value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
    try:
        failed = ctypes.CDLL(None).sysctlbyname(
            name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)
        )
    except (OSError, AttributeError):
        return 0
    return 0 if failed else int(value.value)


def _windows_memory() -> tuple[int, int]:
    """All memory and what is free of it, in bytes, from GlobalMemoryStatusEx."""
    if sys.platform == "win32":
        import ctypes

        names = ("total", "available", "page_total", "page_available", "virtual", "virtual_free", "extended")

        class Status(ctypes.Structure):
            _fields_ = (
                ("length", ctypes.c_ulong),
                ("load", ctypes.c_ulong),
                *((name, ctypes.c_ulonglong) for name in names),
            )

        status = Status(length=ctypes.sizeof(Status))
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return int(status.total), int(status.page_available)
    return 0, 0
