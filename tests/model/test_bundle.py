import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import EMBEDDED, open_bundle
from lightsleeper.model.model import Model, load_model
from lightsleeper.model.tokenizer import TokenizedText


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the embedded bundle to damage."""
    folder = tmp_path / "bundle"
    shutil.copytree(EMBEDDED, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    change(manifest)
    (folder / "bundle.json").write_text(json.dumps(manifest))


def test_the_embedded_bundle_is_what_its_manifest_says() -> None:
    bundle = open_bundle(EMBEDDED)
    assert bundle.manifest.labels == ("NEGATIVE", "POSITIVE")
    assert len(bundle.digest) == 64


def test_the_digest_changes_with_the_manifest(copy: Path) -> None:
    before = open_bundle(copy).digest
    edit(copy, lambda manifest: manifest.update(revision="another"))
    assert open_bundle(copy).digest != before


@pytest.mark.parametrize("name", sorted(path.name for path in EMBEDDED.iterdir() if path.is_file()))
def test_a_missing_file_is_refused_in_one_line_that_names_it(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError) as refusal:
        open_bundle(copy)
    assert name in refusal.value.message
    assert "\n" not in refusal.value.message


def test_a_changed_byte_is_refused_with_both_digests(copy: Path) -> None:
    with (copy / "tokenizer.json").open("r+b") as file:
        file.write(b"[")
    with pytest.raises(BundleError, match=r"tokenizer\.json has sha256 [0-9a-f]{64}, the manifest says [0-9a-f]{64}"):
        open_bundle(copy)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_an_unknown_manifest_version_is_refused(copy: Path, version: object) -> None:
    edit(copy, lambda manifest: manifest.update(manifest_version=version))
    with pytest.raises(BundleError, match="this version reads 1"):
        open_bundle(copy)


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00", '"bundle"'])
def test_a_manifest_that_is_no_json_object_is_refused(copy: Path, content: str) -> None:
    (copy / "bundle.json").write_text(content)
    with pytest.raises(BundleError):
        open_bundle(copy)


def test_a_manifest_without_a_field_is_refused_with_its_name(copy: Path) -> None:
    edit(copy, lambda manifest: manifest.pop("labels"))
    with pytest.raises(BundleError, match="labels"):
        open_bundle(copy)


def test_a_file_outside_the_bundle_is_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest["files"].update({"../secret": {"sha256": "0", "bytes": 1}}))
    with pytest.raises(BundleError, match="outside"):
        open_bundle(copy)


def test_a_manifest_that_forgets_the_model_is_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest["files"].pop("model.onnx"))
    with pytest.raises(BundleError, match=r"model\.onnx"):
        open_bundle(copy)


def test_labels_that_the_model_does_not_have_are_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest.update(labels=["A", "B", "C"]))
    with pytest.raises(BundleError, match="2 outputs, its manifest 3 labels"):
        load_model(copy)


class NanEngine:
    """A model whose weights are damaged beyond arithmetic."""

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        return np.full((len(texts), 2), np.nan, dtype=np.float32)

    def close(self) -> None:
        pass


def test_a_model_that_answers_no_numbers_is_refused(model: Model) -> None:
    with pytest.raises(BundleError, match="not finite numbers"):
        replace(model, engine=NanEngine()).warm_up()


def test_the_torch_engine_needs_a_checkpoint_and_says_how_to_get_one(copy: Path) -> None:
    with pytest.raises(BundleError, match="--keep-checkpoint"):
        _ = open_bundle(copy).checkpoint
