"""The command line: a module a command.

May import every room; each command imports what it needs when it runs.
Begin with `main`.
"""
