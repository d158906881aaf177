"""A bundle opened for work: its manifest, its tokenizer, its engine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import FITS_16_BITS, OPTIMIZED, Bundle, open_bundle, require_made_for
from lightsleeper.model.engine import Engine
from lightsleeper.model.head import Head
from lightsleeper.model.onnx_engine import OnnxEngine
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import TokenizedText, Tokenizer

#: Warm-up texts: the smallest shape and a common one, so that the first request finds its memory allocated.
_WARM_UP = ("warm", "A sentence of about as many tokens as people usually send to such a service.")


@dataclass(frozen=True)
class Model:
    """Everything inference needs; safe to call from several threads."""

    bundle: Bundle
    tokenizer: Tokenizer
    engine: Engine

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in the order of the logits."""
        return self.bundle.manifest.labels

    @property
    def head(self) -> Head:
        """What the logits mean."""
        manifest = self.bundle.manifest
        return Head(manifest.task, manifest.labels, manifest.score_range)

    def run(self, texts: Sequence[TokenizedText]) -> list[Logits]:
        """Logits of texts of any lengths, in order."""
        return [tuple(row) for row in self.engine.run(texts).tolist()]

    def warm_up(self) -> None:
        """Run the model start to end; BundleError if it cannot: a service that cannot answer must not start."""
        for text in self.tokenizer.encode(_WARM_UP):
            try:
                (logits,) = self.run([text])
            except Exception as error:
                raise BundleError(f"the model fails on its first text: {str(error).splitlines()[0]}") from error
            if not all(map(math.isfinite, logits)):
                raise BundleError(f"the model answers its first text with {list(logits)}: not finite numbers")
            if len(logits) != len(self.labels):
                raise BundleError(f"the model has {len(logits)} outputs, its manifest {len(self.labels)} labels")


def load_model(
    folder: Path, engine: str = "onnx", device: str = "auto", cuda_dtype: str = "float32", *, digests: bool = True
) -> Model:
    """Open, verify and warm up the bundle in `folder`; BundleError with one clear line if it cannot work.

    `digests`: see `open_bundle`.
    """
    bundle = open_bundle(folder, digests=digests)
    manifest = bundle.manifest
    tokenizer = Tokenizer(bundle.tokenizer, manifest.max_tokens, manifest.languages)
    model = Model(bundle, tokenizer, open_engine(bundle, engine, device=device, cuda_dtype=cuda_dtype))
    model.warm_up()
    return model


def open_engine(bundle: Bundle, kind: str, *, device: str = "auto", cuda_dtype: str = "float32") -> Engine:
    """The engine of that `kind`: `onnx`, or `torch` on `device` (auto, cpu, cuda), on CUDA in `cuda_dtype`."""
    if kind == "torch":
        try:
            from lightsleeper.model.torch_engine import TorchEngine  # noqa: PLC0415  # torch is an optional group
        except ModuleNotFoundError as error:
            from lightsleeper.model.torch_group import INSTALL_TORCH  # noqa: PLC0415  # no wake needs it

            raise BundleError(f"the torch engine needs {error.name}, not installed: {INSTALL_TORCH}") from error
        torch = TorchEngine.load(bundle.checkpoint, bundle.manifest.pad_token_id, device, cuda_dtype)
        require_made_for(bundle, torch.made_for)
        return torch
    made = bundle.manifest.quantization
    onnx = OnnxEngine(
        bundle.model,
        bundle.manifest.pad_token_id,
        fits_16_bits=made.get("sums") == FITS_16_BITS,
        optimized=made.get("graph") == OPTIMIZED,
    )
    require_made_for(bundle, onnx.made_for)
    return onnx
