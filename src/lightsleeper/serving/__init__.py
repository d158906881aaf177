"""From exec to listening, and back to nothing.

May import every room below; the only one that reads settings.
Begin with `server` (exec → listening) and `porch` (until the first answer is out); then `app`, the composition
root, its `lifespan`, and `settings`.
"""
