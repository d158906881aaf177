"""What is measured, and how it leaves: metrics, traces, logs.

May import `model` (for logits); those who are watched declare the observers.
The OTel SDK stops at `export`.
Begin with `instruments`: every one of them on one page; then `metrics` and `export`.
"""
