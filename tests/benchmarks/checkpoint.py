"""The embedded bundle as others load it: a folder in Hugging Face's format, its weights in float32."""

from pathlib import Path

from lightsleeper.model.bundle import EMBEDDED, open_bundle


def save_checkpoint(folder: Path) -> str:
    """Fill `folder` with config, weights and tokenizer, and name it; needs torch and transformers."""
    from tokenizers import Tokenizer  # noqa: PLC0415  # what imports this module may do without
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    from lightsleeper.training.dequantize import dequantize  # noqa: PLC0415

    bundle = open_bundle(EMBEDDED)
    dequantize(bundle).save_pretrained(folder)
    tokenizer = Tokenizer.from_file(str(bundle.tokenizer))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    most = bundle.manifest.max_tokens
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=most, **special).save_pretrained(folder)
    return str(folder)
