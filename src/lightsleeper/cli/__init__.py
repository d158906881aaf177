"""The command line: a module for each command.

May import every room; each command imports what it needs when it runs.
Begin with `main`.
"""
