"""A bundle, and what turns its texts into logits: manifest, tokenizer, engines.

May import `errors` alone; `onnxruntime` stops at `onnx_engine`, torch at `torch_engine`.
Begin with `model`, which opens a bundle; then `tokenizer`, `engine`, `prediction`.
"""
