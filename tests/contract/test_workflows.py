"""What runs at GitHub: linted, every action pinned by commit, nothing done there that `.ci/run` does not do."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from rendering import ROOT, TOOLS

FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.mark.delivery
def test_actionlint_finds_nothing() -> None:
    done = subprocess.run([TOOLS / "actionlint", *WORKFLOWS], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.delivery
def test_actionlint_finds_a_misspelt_key(tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.yml"
    faulty.write_text(WORKFLOWS[0].read_text().replace("timeout-minutes", "timeout-minuts"))
    done = subprocess.run([TOOLS / "actionlint", faulty], check=False, capture_output=True, text=True)
    assert "timeout-minuts" in done.stdout


@pytest.mark.parametrize(
    ("schema", "files"), [("github-workflows", WORKFLOWS), ("dependabot", [FOLDER / "dependabot.yml"])]
)
def test_the_published_schema_accepts_it(schema: str, files: list[Path]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, *files], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_commit_and_says_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text())
    assert [(action, version) for action, version in used if not re.search(r"@[0-9a-f]{40}$", action)] == []
    assert [action for action, version in used if not re.match(r" # v\d+\.\d+\.\d+$", version)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_no_job_may_do_more_than_it_needs_or_run_for_ever(workflow: Path) -> None:
    found = yaml.safe_load(workflow.read_text())
    assert found["permissions"] == {"contents": "read"}
    assert [name for name, job in found["jobs"].items() if "timeout-minutes" not in job] == []


def test_a_pull_request_runs_what_ci_runs() -> None:
    steps = yaml.safe_load((FOLDER / "workflows/ci.yml").read_text())["jobs"]["ci"]["steps"]
    assert steps[-1] == {"run": ".ci/run"}


def test_a_tag_builds_the_wheel_and_the_image_with_provenance_and_an_sbom() -> None:
    jobs = yaml.safe_load((FOLDER / "workflows/release.yml").read_text())["jobs"]
    used = {name: {step.get("uses", "").split("@")[0]: step for step in job["steps"]} for name, job in jobs.items()}
    assert jobs.keys() == {"wheel", "image"}
    assert all("actions/attest-build-provenance" in steps for steps in used.values())
    built = used["image"]["docker/build-push-action"]["with"]
    assert (built["provenance"], built["sbom"]) == ("mode=max", True)


def test_a_commit_is_judged_by_make_check() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == ["make check"]


def test_make_help_lists_every_target_under_what_a_person_wants() -> None:
    command = ["make", "--no-print-directory", "help"]  # make itself may have started this test
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)[0].split()
    assert sorted(re.findall(r"^  make (\S+)", printed, flags=re.MULTILINE)) == sorted(phony)
    groups = re.findall(r"^(\S.*)$", printed, flags=re.MULTILINE)
    assert groups[-5:] == [
        *("Use it", "Prove it", "Put load on it"),
        *("Measure it, and show what it did", "Change it"),
    ]


def test_one_version_is_released() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}\n" in (ROOT / "Dockerfile").read_text()
