import os
from pathlib import Path

import pytest

from lightsleeper.model.cpu_quota import cpus, worker_count


@pytest.fixture(autouse=True)
def sixty_four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


def cgroup_v2(root: Path, maxima: dict[str, str], own: str) -> tuple[Path, Path]:
    for path, content in maxima.items():
        folder = root / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(content)
    own_cgroups = root / "self-cgroup"
    own_cgroups.write_text(f"0::{own}\n")
    return root, own_cgroups


@pytest.mark.parametrize(("quota", "workers"), [("50000", 1), ("100000", 1), ("200000", 2), ("350000", 3)])
def test_a_quota_of_half_one_two_cpus_gives_one_one_two_workers(tmp_path: Path, quota: str, workers: int) -> None:
    where = cgroup_v2(tmp_path, {"": f"{quota} 100000"}, "/")
    assert worker_count(cpus(*where)) == workers


def test_without_a_quota_the_affinity_mask_decides(tmp_path: Path) -> None:
    assert cpus(*cgroup_v2(tmp_path, {"": "max 100000"}, "/")) == 64


def test_the_tightest_ancestor_binds(tmp_path: Path) -> None:
    where = cgroup_v2(tmp_path, {"pods": "150000 100000", "pods/ours": "max 100000"}, "/pods/ours")
    assert cpus(*where) == 1.5


def test_a_cgroup_that_is_not_visible_from_inside_falls_back_to_the_root(tmp_path: Path) -> None:
    where = cgroup_v2(tmp_path, {"": "100000 100000"}, "/kubepods/hidden")
    assert cpus(*where) == 1


def test_version_1_quotas_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "cpu" / "docker"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("200000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "self").write_text("5:memory:/docker\n4:cpu,cpuacct:/docker\n")
    assert cpus(tmp_path, tmp_path / "self") == 2


def test_a_version_1_quota_of_minus_one_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "self").write_text("4:cpu,cpuacct:/\n")
    assert cpus(tmp_path, tmp_path / "self") == 64


def test_no_cgroups_at_all_means_the_affinity_mask(tmp_path: Path) -> None:
    assert cpus(tmp_path, tmp_path / "absent") == 64
