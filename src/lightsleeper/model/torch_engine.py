"""The bundle's checkpoint in PyTorch: the reference that prepared bundles are verified against, and the GPU engine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lightsleeper.errors import BundleError
from lightsleeper.model.engine import Arrays, run_padded
from lightsleeper.model.tokenizer import TokenizedText


class TorchEngine:
    """float32 on the CPU, one thread a call; on CUDA float32 or bfloat16."""

    def __init__(self, model: PreTrainedModel, pad_token_id: int) -> None:
        """A model that is in memory already runs where it is."""
        torch.set_num_threads(1)
        self.model = model.eval()
        self._pad_token_id = pad_token_id

    @classmethod
    def load(
        cls, checkpoint: Path, pad_token_id: int, device: str = "auto", cuda_dtype: str = "float32"
    ) -> "TorchEngine":
        """Load the checkpoint onto `device` (auto: CUDA if there is one); BundleError if either is not to be had.

        A CPU computes in float32, whatever the weights were saved in: what comes out is what the bundle is compared
        with. `cuda_dtype` is float32 or bfloat16.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda" and not torch.cuda.is_available():
            raise BundleError("LIGHTSLEEPER_TORCH_DEVICE is cuda, but torch sees no CUDA device")
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                checkpoint,
                dtype=getattr(torch, cuda_dtype) if device == "cuda" else torch.float32,
                weights_only=True,
                local_files_only=True,
                trust_remote_code=False,  # left to itself the library asks on the terminal whether to run what it finds
            )
        except Exception as error:  # each of the libraries that read checkpoints has classes of its own
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise BundleError(f"{checkpoint} cannot be loaded: {reason}") from error
        return cls(model.to(device), pad_token_id)

    @property
    def made_for(self) -> dict[str, str]:
        """As a graph says it of itself, see `bundle.graph_facts`, so far as the checkpoint does."""
        config = self.model.config
        positions = int(config.max_position_embeddings)
        for name, table in self.model.named_modules():
            if name.endswith("position_embeddings") and getattr(table, "padding_idx", None) is not None:
                positions -= int(table.padding_idx) + 1  # counted from behind it: RoBERTa's have 514 for 512 tokens
        return {"max_tokens": f"{positions}", "pad_token_id": f"{config.pad_token_id}"}

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        """See `engine.Engine.run`."""
        return run_padded(texts, self._pad_token_id, self._logits)

    @torch.inference_mode()
    def _logits(self, arrays: Arrays) -> NDArray[np.float32]:
        inputs = {name: torch.from_numpy(array).to(self.model.device) for name, array in arrays.items()}
        logits: NDArray[np.float32] = self.model(**inputs).logits.float().cpu().numpy()
        return logits

    def close(self) -> None:
        """See `engine.Engine.close`."""
        del self.model
