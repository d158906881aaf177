"""Making bundles: fine-tune, export, quantise, verify. Only here, and in `torch_engine`, is torch."""
