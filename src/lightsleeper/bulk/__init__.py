"""Many texts without a server: files in, files out, every core busy.

May import `model` and what lies below.
Begin with `library`; then `records`, the readers and writers of files.
"""
