import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
from poetry.core.masonry.api import build_wheel

import lightsleeper

ROOT = Path(lightsleeper.__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder / build_wheel(str(folder))


def test_the_code_and_the_package_name_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert lightsleeper.__version__ == project["version"]


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    tracked = subprocess.check_output(["git", "ls-files", "src/lightsleeper"], cwd=ROOT, text=True).split()
    assert {path.removeprefix("src/") for path in tracked} <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_is_small_enough_to_ship_its_model(wheel: Path) -> None:
    assert wheel.stat().st_size <= 25_000_000
