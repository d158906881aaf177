"""The embedded bundle as others load it: a folder in Hugging Face's format, its weights in float32."""

import json
from pathlib import Path

from lightsleeper.model.bundle import EMBEDDED, open_bundle


def save_checkpoint(folder: Path) -> str:
    """Fill `folder` with config, weights and tokenizer, and name it; needs torch and transformers."""
    from tokenizers import Tokenizer  # noqa: PLC0415  # what imports this module may do without
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415  # see above

    from lightsleeper.training.dequantize import dequantize  # noqa: PLC0415  # see above

    bundle = open_bundle(EMBEDDED)
    dequantize(bundle).save_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(bundle.tokenizer))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    reads = {"model_max_length": bundle.manifest.max_tokens, "model_input_names": ["input_ids", "attention_mask"]}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **reads, **special).save_pretrained(folder)
    # transformers 5 writes a name that transformers 4 does not know; both know this one.
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "tokenizer_class": "PreTrainedTokenizerFast"}))
    return str(folder)
