"""Answers kept by what the model sees: in this process, and in a Redis that may be slow, down or lying.

May import `model` (for logits) and what lies below. The Redis client stops at `redis_client`.
Begin with `cache`: the protocol, the memory, the two levels; then `redis_cache` and `redis_link`.
"""
