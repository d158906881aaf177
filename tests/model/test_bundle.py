"""The folder of a bundle: what is in it is what its manifest says, or it is refused in one line."""

import hashlib
import json
import os
import shutil
import socket
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


def refusal(folder: Path) -> str:
    """The one line that says why the bundle cannot be used, at most a few lines of a terminal long."""
    with pytest.raises(BundleError) as refused:
        open_bundle(folder)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 1_000
    return refused.value.message


@pytest.mark.parametrize(
    "content",
    [
        b"null",
        b"7",
        b"NaN",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 10_000,
        b'{"manifest_version": NaN}',
        b"\xff\xfe\x00",
        b" " * (1 << 20) + b"{}",
        b'"\\ud800"',
    ],
    ids=["null", "number", "nan", "lists", "objects", "digits", "nan inside", "no text", "too large", "surrogate"],
)
def test_a_hostile_manifest_is_refused_in_one_line(copy: Path, content: bytes) -> None:
    (copy / "bundle.json").write_bytes(content)
    assert "bundle.json" in refusal(copy) or "manifest_version" in refusal(copy)


def test_a_manifest_without_a_field_is_refused_with_its_name(copy: Path) -> None:
    edit(copy, lambda manifest: manifest.pop("labels"))
    with pytest.raises(BundleError, match="labels"):
        open_bundle(copy)


def plant(folder: Path, name: str, kind: str) -> None:
    """Something of that kind in the place of a file of the bundle."""
    place = folder / name
    outside = folder.with_name("outside")
    if place.is_file():
        place.rename(outside)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place))
    else:
        targets: dict[str, str | Path] = {"device": "/dev/zero", "loop": place, "dangling": "nowhere", "link": outside}
        place.symlink_to(targets[kind])


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "device", "loop", "dangling", "link"])
@pytest.mark.parametrize("name", ["bundle.json", "model.onnx", "model.onnx.data", "tokenizer.json"])
def test_what_is_no_plain_file_of_the_folder_is_refused_at_once(copy: Path, name: str, kind: str) -> None:
    plant(copy, name, kind)
    assert name in refusal(copy)


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        "/etc/hostname",
        "checkpoint/../tokenizer.json",
        "./tokenizer.json",
        "checkpoint//config.json",
        "..",
        "no\0file",
        "\ud800",
        "x" * 5_000,
        "a/" * 400 + "b",
    ],
)
def test_a_file_outside_the_bundle_or_of_no_plain_name_is_refused(copy: Path, name: str) -> None:
    file = {"sha256": hashlib.sha256((copy / "tokenizer.json").read_bytes()).hexdigest(), "bytes": 466_081}
    edit(copy, lambda manifest: manifest["files"].update({name: file}))
    refusal(copy)


@pytest.mark.parametrize("kind", ["file", "pipe", "device", "folder of links"])
@pytest.mark.parametrize("name", ["other.data", "checkpoint/adapter_config.json"])
def test_a_file_that_the_manifest_does_not_list_is_refused(copy: Path, name: str, kind: str) -> None:
    place = copy / name
    place.parent.mkdir(exist_ok=True)
    if kind == "file":
        place.write_text("{}")
    elif kind == "folder of links":
        place.symlink_to("/etc", target_is_directory=True)
    else:
        plant(copy, name, kind)
    assert f"'{name}' is not in bundle.json" in refusal(copy)


def test_weights_that_the_manifest_does_not_list_are_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest["files"].pop("model.onnx.data"))
    assert "'model.onnx.data' is not in bundle.json" in refusal(copy)


def test_a_bundle_mounted_as_kubernetes_mounts_volumes_opens(copy: Path) -> None:
    """Every name a link to a link, into a folder of the volume's."""
    versioned = copy / "..2026_11_26"
    versioned.mkdir()
    for path in [path for path in copy.iterdir() if path.is_file()]:
        path.rename(versioned / path.name)
        path.symlink_to(f"..data/{path.name}")
    (copy / "..data").symlink_to(versioned.name)
    assert open_bundle(copy).digest == open_bundle(EMBEDDED).digest


def test_another_size_is_refused_before_anything_is_read(copy: Path) -> None:
    os.truncate(copy / "model.onnx.data", 1 << 40)  # a hole of a terabyte
    said = open_bundle(EMBEDDED).manifest.files["model.onnx.data"]["bytes"]
    assert f"model.onnx.data has {1 << 40} bytes, the manifest says {said}" in refusal(copy)


def test_a_manifest_that_forgets_the_model_is_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest["files"].pop("model.onnx"))
    with pytest.raises(BundleError, match=r"model\.onnx"):
        open_bundle(copy)


def test_labels_that_the_model_does_not_have_are_refused(copy: Path) -> None:
    edit(copy, lambda manifest: manifest.update(labels=["A", "B", "C"]))
    with pytest.raises(BundleError, match="2 outputs, its manifest 3 labels"):
        load_model(copy)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_tokens": 513}, "max_tokens is 513; the model was made for '512'"),
        ({"max_tokens": 1 << 20}, "max_tokens is 1048576; the model was made for '512'"),
        ({"task": "multi-label-classification"}, "task is multi-label-classification; the model was made for 'text-"),
        ({"pad_token_id": 7}, "pad_token_id is 7; the model was made for '0'"),
    ],
)
def test_more_than_the_graph_was_made_for_is_refused(copy: Path, fields: dict[str, object], said: str) -> None:
    edit(copy, lambda manifest: manifest.update(fields))
    with pytest.raises(BundleError) as refused:
        load_model(copy)
    assert said in refused.value.message


def test_fewer_tokens_than_the_graph_was_made_for_are_read(copy: Path) -> None:
    edit(copy, lambda manifest: manifest.update(max_tokens=16))
    assert len(load_model(copy).tokenizer.encode(["film " * 100])[0].ids) == 16


@pytest.mark.parametrize("place", [b"../elsewhere.da", b"/tmp/elsewhere."])
def test_a_graph_whose_weights_lie_outside_of_the_folder_is_refused(copy: Path, place: bytes) -> None:
    (copy / "model.onnx.data").rename(copy.parent / "elsewhere.da")
    graph = (copy / "model.onnx").read_bytes().replace(b"model.onnx.data", place)
    (copy / "model.onnx").write_bytes(graph)
    sha256 = hashlib.sha256(graph).hexdigest()

    def list_what_is_there(manifest: dict[str, Any]) -> None:
        del manifest["files"]["model.onnx.data"]
        manifest["files"]["model.onnx"] = {"sha256": sha256, "bytes": len(graph)}

    edit(copy, list_what_is_there)
    with pytest.raises(BundleError, match=r"model\.onnx cannot be opened: ") as refused:
        load_model(copy)
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("task", "labels"), [("scoring", ["a", "b"]), ("text-classification", ["a"]), ("regression", ["a", "b"])]
)
def test_a_task_with_another_number_of_labels_is_refused(copy: Path, task: str, labels: list[str]) -> None:
    edit(copy, lambda manifest: manifest.update(task=task, labels=labels))
    assert f"labels of a {task} model are" in refusal(copy)


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
