import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from poetry.core.masonry.api import build_wheel

import lightsleeper

ROOT = Path(lightsleeper.__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if "Python :: 3." in line]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder / build_wheel(str(folder))


def test_the_code_and_the_package_name_one_version() -> None:
    assert lightsleeper.__version__ == PROJECT["version"]


def test_the_classifiers_name_every_python_that_may_install_it() -> None:
    oldest, newest = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    assert [f"3.{minor}" for minor in range(oldest, newest)] == PYTHONS


@pytest.mark.parametrize("python", PYTHONS)
def test_whatever_serving_and_testing_need_has_a_wheel_for_that_python(python: str) -> None:
    version = python.replace(".", "")
    installable = re.compile(
        rf"-(?:py2\.)?py3-none-(?:any|manylinux\w*x86_64)|-cp{version}-cp{version}-manylinux\S*x86_64"
        r"|-cp3\d+-abi3-manylinux\S*x86_64"
    )
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    here["platform_machine"] = "x86_64"
    without = [
        package["name"]
        for package in tomllib.loads((ROOT / "poetry.lock").read_text())["package"]
        if {"main", "dev"} & set(package["groups"])
        and is_wanted(package.get("markers"), here)
        and not any(installable.search(file["file"]) for file in package["files"])
    ]
    assert without == []


@pytest.mark.parametrize("group", ["main", "dev"])
def test_whatever_a_locked_package_of_a_group_needs_is_locked_for_that_group(group: str) -> None:
    """Poetry 2.5 forgot it of one that another group had brought before, and pip refused all the rest."""
    locked = tomllib.loads((ROOT / "poetry.lock").read_text())["package"]
    of_group = {package["name"]: package for package in locked if group in package["groups"]}
    needed = {
        (package["name"], canonicalize_name(name))
        for package in of_group.values()
        for name, wanted in package.get("dependencies", {}).items()
        for each in (wanted if isinstance(wanted, list) else [wanted])
        if not (isinstance(each, dict) and (each.get("optional") or "extra ==" in each.get("markers", "")))
    }
    known = {package["name"] for package in locked}
    assert [(by, name) for by, name in sorted(needed) if name in known and name not in of_group] == []


def is_wanted(markers: str | dict[str, str] | None, environment: dict[str, str]) -> bool:
    """The lock has one marker, or one per group."""
    each = markers.values() if isinstance(markers, dict) else [markers] if markers else []
    return not each or any(Marker(marker).evaluate(environment) for marker in each)


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    tracked = subprocess.check_output(["git", "ls-files", "src/lightsleeper"], cwd=ROOT, text=True).split()
    assert {path.removeprefix("src/") for path in tracked} <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_is_small_enough_to_ship_its_model(wheel: Path) -> None:
    assert wheel.stat().st_size <= 25_000_000
