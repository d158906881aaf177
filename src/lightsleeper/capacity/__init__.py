"""What one pod can carry, measured here, and the Knative numbers that follow.

May import `pipeline`, `model` and what lies below; starts the service as a process of its own.
Begin with `bench`, which measures; `capacity` is the arithmetic.
"""
