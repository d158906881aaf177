"""How much CPU this process may use: the cgroup's quota, not the node's cores.

A pod limited to 1 CPU on a 64-core node that starts 64 threads is throttled most of the time.
Formats: kernel.org admin-guide/cgroup-v2 (`cpu.max`) and cgroup-v1 (`cpu.cfs_quota_us`).
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def cpus(cgroup_root: Path = Path("/sys/fs/cgroup"), own_cgroups: Path = Path("/proc/self/cgroup")) -> float:
    """CPUs this process may use: the smallest of its quotas, its affinity mask and the machine."""
    return min([*_quotas(cgroup_root, own_cgroups), float(len(os.sched_getaffinity(0)))])


def worker_count(available_cpus: float) -> int:
    """Inference threads for that many CPUs: whole ones, at least one; a fraction left over serves the event loop."""
    return max(1, math.floor(available_cpus))


def _quotas(root: Path, own_cgroups: Path) -> Iterator[float]:
    """The quota of the process's cgroup and of each of its ancestors: the tightest one binds."""
    for line in _read(own_cgroups).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, read_quota = root, _v2_quota
        elif "cpu" in controllers.split(","):
            mount, read_quota = root / "cpu", _v1_quota
        else:
            continue
        own = PurePosixPath(path.lstrip("/"))
        for level in (own, *own.parents):
            quota = read_quota(mount / level)
            if quota is not None:
                yield quota


def _v2_quota(cgroup: Path) -> float | None:
    fields = _read(cgroup / "cpu.max").split()
    if len(fields) != 2 or fields[0] == "max":  # noqa: PLR2004  # "quota period", both in microseconds
        return None
    return int(fields[0]) / int(fields[1])


def _v1_quota(cgroup: Path) -> float | None:
    quota, period = _read(cgroup / "cpu.cfs_quota_us").strip(), _read(cgroup / "cpu.cfs_period_us").strip()
    if not quota or not period or int(quota) < 0:
        return None
    return int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
