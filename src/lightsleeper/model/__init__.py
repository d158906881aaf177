"""A bundle, and what turns its texts into logits: manifest, tokenizer, engines.

May import `errors` alone. `onnxruntime`, `tokenizers` and (in `torch_engine`) torch stop here.
Begin with `model`, which opens a bundle; then `tokenizer`, `engine`, `prediction`.
"""
