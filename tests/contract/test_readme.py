"""The README says what is so: every setting with its default, every command, every link."""

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import lightsleeper
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.serving.settings import Settings, variables

ROOT = Path(lightsleeper.__file__).parents[2]
README = (ROOT / "README.md").read_text()


def settings_table() -> list[str]:
    """A row per setting, as the README must have it."""
    rows = []
    for variable, field in zip(variables(), fields(Settings), strict=True):
        default = ", ".join(field.default) if isinstance(field.default, tuple) else field.default
        shown = "" if default in (None, "") else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        rows.append(f"| `{variable}` | {shown} | {field.metadata['description']} |")
    return rows


def test_the_settings_table_is_the_settings() -> None:
    assert re.findall(r"^\| `(?:[A-Z_]+)` \| .* \|$", README, flags=re.MULTILINE) == settings_table()


def test_it_fits_two_hundred_lines() -> None:
    assert len(README.splitlines()) <= 200


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z0-9-]+)", README, flags=re.MULTILINE)) <= targets


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", README))))
def test_every_file_it_links_to_exists(link: tuple[str, str]) -> None:
    assert (ROOT / (link[0] or link[1])).exists()


def test_the_answer_that_it_shows_is_the_answer(client: TestClient) -> None:
    asked = re.search(r"curl localhost:8080(/\w+) .* -d '(\{.*\})'$", README, flags=re.MULTILINE)
    shown = re.findall(r'"label":"(\w+)","score":(0\.\d+)…', README)
    assert asked
    first, *_ = client.post(asked[1], json=json.loads(asked[2])).json()["predictions"]
    assert [(each["label"], f"{each['score']:.9f}"[:4]) for each in first] == shown


def test_what_it_says_of_the_model_is_what_the_bundle_says() -> None:
    bundle = json.loads((EMBEDDED / "bundle.json").read_text())
    sst2, imdb = (bundle["accuracy"][name] for name in ("sst2/dev.tsv", "imdb/dev.jsonl"))
    wrong = {name: f"{100 * found['value']:.0f} %" for name, found in bundle["behaviours"].items()}
    said = [
        f"{100 * sst2['accuracy']:.1f} % of SST-2's validation sentences (float32: {100 * sst2['accuracy_fp32']:.1f})",
        f"{100 * imdb['accuracy']:.1f} % of 1,000 whole IMDB reviews ({100 * imdb['accuracy_fp32']:.1f})",
        f"{wrong['thought it would be bad, but it was not']} wrong",
        f"A negative negated {wrong['negation of a negative']}, a positive negated {wrong['negation of a positive']};",
        f"people without a judgement {wrong['people, without a judgement']},",
        f"places {wrong['places, without a judgement']}; statements {wrong['statements']};",
        f"nothing to read {wrong['nothing to read']};",
        f"a bad question answered no {wrong['a bad question answered no']},",
        f"a good one {wrong['a good question answered no']};",
        *(f"better or worse now than then {wrong[f'then and now: {which}']};" for which in ("better", "worse")),
        *(f"my opinion beside another's {wrong[f'whose opinion: mine is {which}']}." for which in ("good", "bad")),
        f"of the scale in {wrong['the same about another people, faith or love']} of the cases,",
        f"another name in {wrong['the same with another name']}, a typo in {wrong['the same with a typo']},",
        *(f"another place or number in {wrong[f'the same with another {which}']};" for which in ("place", "number")),
    ]
    assert [each for each in said if each not in README] == []


def test_the_changelog_begins_with_this_version() -> None:
    released = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert released
    assert released[1] == project["version"]
