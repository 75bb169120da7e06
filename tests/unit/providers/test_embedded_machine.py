"""What is read of a machine, and what is chosen for it; the machines are made of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from twinny_lsp.providers.embedded.gguf import GgufFacts
from twinny_lsp.providers.embedded.machine import Machine, linux_cores, linux_memory, measure, oom_kills
from twinny_lsp.providers.embedded.options import context_for, lacks_memory, threads_for

GIB = 1 << 30
MEMINFO = "MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 8388608 kB\nSwapFree:    1048576 kB\n"


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def siblings(*groups: str) -> dict[str, str]:
    """The topology files of processors 0, 1, …: `groups[i]` lists the threads of the core of processor i."""
    return {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": group
        for cpu, group in enumerate(groups)
    }


TWO_BY_TWO = siblings("0,2", "1,3", "0,2", "1,3")


@pytest.mark.parametrize(
    ("files", "usable", "cores"),
    [
        (TWO_BY_TWO, "0123", 2),
        (TWO_BY_TWO, "02", 1),  # pinned to the two threads of one core
        (siblings("0", "1", "2", "3"), "0123", 4),
        ({}, "0123", 2),  # nothing told: two threads a core is the usual case
        ({}, "0", 1),
        # Intel with two performance cores (of two threads) and four efficient ones
        (
            siblings("0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7") | {"sys/devices/cpu_core/cpus": "0-3"},
            "01234567",
            2,
        ),
        # the same, pinned to efficient cores alone
        (
            siblings("0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7") | {"sys/devices/cpu_core/cpus": "0-3"},
            "4567",
            4,
        ),
        # Arm: two big, two little
        (
            siblings("0", "1", "2", "3")
            | {
                f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": text
                for cpu, text in enumerate(("1024", "1024", "380", "380"))
            },
            "0123",
            2,
        ),
        # a container of version 2 that may use one and a half processors
        (
            siblings("0", "1", "2", "3")
            | {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"},
            "0123",
            1,
        ),
        (
            siblings("0", "1") | {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"},
            "01",
            2,
        ),
        # version 1; the path is the host's, and only the top is to be seen
        (
            siblings("0", "1", "2", "3")
            | {
                "proc/self/cgroup": "4:memory:/docker/x\n1:cpu,cpuacct:/docker/x",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            "0123",
            2,
        ),
        (
            siblings("0", "1")
            | {
                "proc/self/cgroup": "1:cpu,cpuacct:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            "01",
            2,
        ),
    ],
)
def test_cores(tmp_path: Path, files: dict[str, str], usable: str, cores: int) -> None:
    assert linux_cores(make(tmp_path, files), {int(cpu) for cpu in usable}) == cores


@pytest.mark.parametrize(
    ("files", "memory", "available"),
    [
        ({}, 0, 0),
        ({"proc/meminfo": MEMINFO}, 16 * GIB, 9 * GIB),
        # version 2: the limit of a group above counts, and what is cached counts as free
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/user.slice/app",
                "sys/fs/cgroup/user.slice/app/memory.max": "max",
                "sys/fs/cgroup/user.slice/memory.max": str(4 * GIB),
                "sys/fs/cgroup/user.slice/memory.current": str(3 * GIB),
                "sys/fs/cgroup/user.slice/memory.stat": f"anon 1\nfile {2 * GIB}\nshmem {GIB}",
            },
            4 * GIB,
            2 * GIB,
        ),
        # version 1
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "4:memory:/docker/x",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2 * GIB),
                "sys/fs/cgroup/memory/memory.usage_in_bytes": str(GIB),
                "sys/fs/cgroup/memory/memory.stat": "total_cache 0",
            },
            2 * GIB,
            GIB,
        ),
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "4:memory:/",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            },
            16 * GIB,
            9 * GIB,
        ),
    ],
)
def test_memory(tmp_path: Path, files: dict[str, str], memory: int, available: int) -> None:
    assert linux_memory(make(tmp_path, files)) == (memory, available)


def test_ended_processes_are_counted(tmp_path: Path) -> None:
    assert oom_kills(tmp_path) is None
    assert oom_kills(make(tmp_path, {"proc/vmstat": "nr_free_pages 5\noom_kill 3"})) == 3


def test_this_machine_is_measured() -> None:
    machine = measure()
    assert machine.cores >= 1
    assert machine.memory > 0


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (8, 7), (32, 8)])
def test_one_core_is_left_to_the_editor(cores: int, threads: int) -> None:
    assert threads_for(Machine(cores)) == threads


def header(file_bytes: int, kv_bytes: int, trained: int = 32_768) -> GgufFacts:
    return GgufFacts("m", "llama", trained, True, None, file_bytes, kv_bytes)


@pytest.mark.parametrize(
    ("model", "memory", "context"),
    [
        (header(10**9, 28_672), 16 * GIB, 8192),
        (header(10**9, 28_672, trained=2048), 16 * GIB, 2048),
        (header(10**9, 28_672, trained=3000), 16 * GIB, 3000),
        (header(10**9, 28_672), 2 * GIB, 4096),
        (header(10**9, 28_672), int(1.5 * GIB), 2048),
        (header(4 * 10**9, 524_288), 16 * GIB, 4096),  # each head has keys of its own
        (header(4 * 10**9, 524_288), 8 * GIB, 2048),
        (header(20 * 10**9, 57_344), 8 * GIB, 1024),  # will not run at all; that is said elsewhere
        (header(10**9, 28_672), 0, 4096),
        (header(10**9, 0, trained=0), 16 * GIB, 4096),
    ],
)
def test_the_context_takes_its_share_of_memory(model: GgufFacts, memory: int, context: int) -> None:
    assert context_for(model, Machine(4, memory)) == context


def test_what_is_missing_is_told() -> None:
    model = header(4 * 10**9, 57_344)
    assert lacks_memory(model, 4096, Machine(4)) is None
    assert lacks_memory(model, 4096, Machine(4, 8 * GIB, 6 * GIB)) is None
    assert lacks_memory(model, 4096, Machine(4, 8 * GIB, 0)) is None
    all_of_it = lacks_memory(model, 4096, Machine(4, 4 * GIB))
    assert str(all_of_it) == "it needs about 4.4 GB, and there are 4.3 GB in all"
    just_now = lacks_memory(model, 4096, Machine(4, 8 * GIB, 2 * GIB))
    assert str(just_now) == "it needs about 4.4 GB, and 2.1 GB are free now"
