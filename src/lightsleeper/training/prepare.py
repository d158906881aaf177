"""Checkpoint → bundle: export, quantise, verify, write; or write nothing and say why in one line."""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

from lightsleeper.bulk.records import Reading
from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.bundle import (
    CHECKPOINT,
    MANIFEST,
    MODEL,
    TOKENIZER,
    WEIGHTS,
    Bundle,
    Manifest,
    graph_facts,
    open_bundle,
    write_manifest,
)
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.model.head import REGRESSION
from lightsleeper.model.model import Model, load_model
from lightsleeper.model.onnx_engine import OnnxEngine
from lightsleeper.training.checkpoint import Checkpoint, find_checkpoint
from lightsleeper.training.evaluate_sets import AnyReport, evaluate_records
from lightsleeper.training.export import export, save
from lightsleeper.training.files import reported
from lightsleeper.training.hub_tokenizer import require_same_ids
from lightsleeper.training.observe import observe
from lightsleeper.training.optimize import optimize
from lightsleeper.training.quantize import SCHEME, quantize
from lightsleeper.training.stages import Stages
from lightsleeper.training.task import doubt
from lightsleeper.training.verify import chance_of_loss, check_agreement, check_company, check_export
from lightsleeper.training.weights import doubt_of_zeros

#: Accuracy, in percentage points, that int8 may cost.
MAX_LOSS_POINTS = 0.5
#: What chance alone makes more often than this proves nothing.
_ACCIDENT = 0.05

_OWN_TEXTS = Path(__file__).with_name("calibration.txt")
_CALIBRATION_TEXTS = 400
#: Every fifth text is kept from calibration for the verification.
_VERIFY_EVERY = 5

#: Labelled files, each with how it is read.
Labelled = Sequence[tuple[Path, Reading]]


def prepare(
    source: str,
    out: Path,
    *,
    revision: str | None = None,
    data: Sequence[Path] = (),
    reading: Reading | None = None,
    calibration: Path | None = None,
    keep_checkpoint: bool = False,
    max_loss_points: float = MAX_LOSS_POINTS,
    task: str | None = None,
    max_tokens: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Make the bundle `out` from a sequence classifier: a local folder or a hub id, there at `revision`.

    `data` are labelled files, read as `reading` says, on which float32 and int8 are measured; losing more than
    `max_loss_points` of accuracy (of numbers: of correlation) on one of them, or differing from torch in any other way,
    is a BundleError, and nothing is written.
    `calibration` is a file of texts like those that will be served, unlabelled, read by the same
    choices; without it general ones are used.
    `keep_checkpoint` adds what the torch engine runs. `task` says what the outputs mean where the checkpoint does not;
    `max_tokens` cuts texts sooner than it would. `say` is told of every stage, with its time, and of doubts.
    """
    refuse_foreign(out)
    stages = Stages(say)
    with stages("read"):
        checkpoint = find_checkpoint(source, revision, task=task, max_tokens=max_tokens)
    return make_bundle(
        checkpoint,
        out,
        calibration=own_texts() if calibration is None else _sample(calibration, reading or Reading()),
        data=[(file, reading or Reading()) for file in data],
        keep_checkpoint=keep_checkpoint,
        max_loss_points=max_loss_points,
        made_by={"command": "lightsleeper prepare"},
        stages=stages,
    )


def make_bundle(
    checkpoint: Checkpoint,
    out: Path,
    *,
    calibration: Sequence[str],
    data: Labelled,
    keep_checkpoint: bool,
    max_loss_points: float,
    made_by: Mapping[str, Any],
    stages: Stages | None = None,
) -> Bundle:
    """`prepare` for a checkpoint at hand; `made_by` is what the manifest shall say besides versions."""
    stages = stages or Stages()
    held_out = list(calibration[::_VERIFY_EVERY])
    observed = [text for index, text in enumerate(calibration) if index % _VERIFY_EVERY]
    with _staged(out) as stage, ExitStack() as opened:
        with stages("open"):
            reference = opened.enter_context(checkpoint.opened())
            require_same_ids(checkpoint.hub_tokenizer, checkpoint.tokenizer(), held_out)
            with reported(f"{checkpoint.model_id}: the model cannot be run"):
                reference.run(reference.tokenizer.encode([max(held_out, key=len)]))
            checkpoint.tokenizer().save(str(stage / TOKENIZER), pretty=False)
        seen = _write_graph(checkpoint, stage, reference, observed, held_out, stages=stages)
        for remark in (doubt(checkpoint.config(), checkpoint.task, seen), doubt_of_zeros(checkpoint.model())):
            if remark:
                stages.say(remark)
        if keep_checkpoint:
            checkpoint.save(stage / CHECKPOINT)
        manifest = replace(
            checkpoint.manifest(),
            quantization=SCHEME,
            files=_files(stage),
            made_by={**made_by, **_versions(), **_digest(calibration)},
        )
        if manifest.task == REGRESSION:
            manifest = replace(manifest, score_range=(float(seen.min()), float(seen.max())))
        write_manifest(manifest, stage)
        with stages("verify"):
            manifest = _verified(
                manifest, reference, load_model(stage), held_out=held_out, data=data, max_loss_points=max_loss_points
            )
        write_manifest(manifest, stage)
    return open_bundle(out)


def own_texts() -> list[str]:
    """Sentences about many things, alone and run together up to the longest input."""
    lines = _OWN_TEXTS.read_text(encoding="utf-8").splitlines()
    joined = [" ".join(lines[start : start + size]) for size in (4, 12, 40) for start in range(0, len(lines), size)]
    return [*lines, *joined]


def refuse_foreign(out: Path) -> None:
    """BundleError if `out` holds something that is not a bundle: it would be replaced."""
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out} exists and is not a bundle: remove it or choose another folder")


def _sample(file: Path, reading: Reading) -> list[str]:
    texts = reading.texts(file)
    if len(texts) < 2 * _VERIFY_EVERY:
        raise InvalidInput(f"{file.name}: {len(texts)} texts are too few to calibrate on")
    return random.Random(0).sample(texts, min(len(texts), _CALIBRATION_TEXTS))  # noqa: S311  # not for secrets


def _write_graph(
    checkpoint: Checkpoint,
    stage: Path,
    reference: Model,
    observed: Sequence[str],
    held_out: Sequence[str],
    *,
    stages: Stages,
) -> NDArray[np.float64]:
    """The int8 graph of `checkpoint` into `stage`; its float32 form is checked against torch and not kept.

    Returns the logits of `held_out` in float32.
    """
    with stages("export"), reported(f"{checkpoint.model_id}: the model cannot be exported"):
        exported = export(checkpoint.model())
    unlike = f"{checkpoint.model_id}: the exported graph cannot be compared with the model"
    with stages("check the export"), reported(unlike), TemporaryDirectory() as folder:
        save(exported, Path(folder, MODEL))
        engine = OnnxEngine(Path(folder, MODEL), checkpoint.manifest().pad_token_id)
        logits = check_export(reference.engine, engine, reference, held_out)
        engine.close()
    with stages("calibrate"):
        texts = tqdm(reference.tokenizer.encode(observed), unit=" texts", desc="calibrate", disable=None)
        seen = observe(exported, (text.ids for text in texts))
    with stages("quantise"):
        quantized = optimize(quantize(exported, seen))
        onnx.helper.set_model_props(quantized, graph_facts(checkpoint.manifest()))
        save(quantized, stage / MODEL)
    return logits


def _verified(
    manifest: Manifest,
    reference: Model,
    model: Model,
    *,
    held_out: Sequence[str],
    data: Labelled,
    max_loss_points: float,
) -> Manifest:
    """The manifest with what was measured; BundleError if the bundle is not as good as its checkpoint."""
    workers = worker_count(cpus())
    check_company(model, held_out, workers=workers)
    agreement = check_agreement(reference, model, held_out, workers=workers)
    accuracy = {}
    for file, reading in data:
        found, exact = (
            evaluate_records(each, reading.records(file), reading, workers=workers) for each in (model, reference)
        )
        accuracy[f"{file.resolve().parent.name}/{file.name}"] = _compared(file, exact, found, max_loss_points)
    return replace(manifest, quantization={**SCHEME, "agreement": asdict(agreement)}, accuracy=accuracy)


def _compared(file: Path, exact: AnyReport, found: AnyReport, max_loss_points: float) -> dict[str, Any]:
    """What the manifest says of int8 against float32 on `file`; BundleError if int8 lost too much."""
    figures = found.figures()
    (name, now), before = next(iter(figures.items())), next(iter(exact.figures().values()))
    lost = 100 * (before - now)
    # One text of 140 is 0.7 points: a loss counts once it is larger than allowed and no accident.
    accident = exact.correct and chance_of_loss(exact.correct, found.correct) >= _ACCIDENT
    if lost > max_loss_points and not accident:
        raise BundleError(
            f"int8 lost {lost:.2f} points of {name} on {file.name} ({before:.2%} → {now:.2%}), "
            f"more than {max_loss_points:g}; calibrate on more texts like yours"
        )
    rounded = {figure: round(value, 5) for figure, value in figures.items()}
    return {"rows": found.rows, name: rounded[name], f"{name}_fp32": round(before, 5), **rounded}


def _files(stage: Path) -> dict[str, dict[str, Any]]:
    names = [MODEL, WEIGHTS, TOKENIZER]
    names += [f"{CHECKPOINT}/{path.name}" for path in sorted((stage / CHECKPOINT).glob("*"))]
    return {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in ((name, (stage / name).read_bytes()) for name in names)
    }


def _versions() -> dict[str, str]:
    return {package: version(package) for package in ("lightsleeper", "torch", "transformers", "onnx", "onnxruntime")}


def _digest(texts: Sequence[str]) -> dict[str, Any]:
    sha256 = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    return {"calibration": {"texts": len(texts), "sha256": sha256}}


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when all went well, in place of the bundle that was there, and vanishes if not."""
    out = out.resolve()
    refuse_foreign(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as beside:
        stage = Path(beside, "new")
        stage.mkdir()
        yield stage
        if out.exists():
            out.rename(Path(beside, "old"))
        stage.rename(out)
