"""The bundle's checkpoint in PyTorch: the reference that prepared bundles are verified against, and the GPU engine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from lightsleeper.errors import BundleError
from lightsleeper.model.engine import Arrays, run_padded
from lightsleeper.model.tokenizer import TokenizedText


class TorchEngine:
    """float32 on the CPU, one thread a call; on CUDA whatever the GPU makes of it."""

    def __init__(self, checkpoint: Path, pad_token_id: int, device: str = "auto") -> None:
        """Load the checkpoint onto `device` (auto: CUDA if there is one); BundleError if either is not to be had."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda" and not torch.cuda.is_available():
            raise BundleError("LIGHTSLEEPER_TORCH_DEVICE is cuda, but torch sees no CUDA device")
        torch.set_num_threads(1)
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                checkpoint,
                local_files_only=True,
                trust_remote_code=False,  # left to itself the library asks on the terminal whether to run what it finds
            )
        except (OSError, ValueError) as error:
            raise BundleError(f"{checkpoint} cannot be loaded: {str(error).splitlines()[0]}") from error
        self._model = model.eval().to(device)
        self._device = torch.device(device)
        self._pad_token_id = pad_token_id

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        """See `engine.Engine.run`."""
        return run_padded(texts, self._pad_token_id, self._logits)

    @torch.inference_mode()
    def _logits(self, arrays: Arrays) -> NDArray[np.float32]:
        inputs = {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}
        logits: NDArray[np.float32] = self._model(**inputs).logits.float().cpu().numpy()
        return logits

    def close(self) -> None:
        """See `engine.Engine.close`."""
        del self._model
