"""Making bundles: fine-tune, distil, export, quantise, verify, judge by behaviours.

May import `bulk`, `model` and what lies below; the only room, beside `model.torch_engine`, that knows torch.
Begin with `run` (`lightsleeper train`) and `prepare`; then `train`, `quantize`, `evaluate`.
"""
