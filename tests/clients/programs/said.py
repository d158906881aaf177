"""What the programs share: the question on the standard input, what became of each call on the standard output."""

import json
import sys
from types import SimpleNamespace


def asked():
    """`url`, `host`, `key` (or None), `model` and `batches` (lists of texts by name)."""
    return SimpleNamespace(**json.load(sys.stdin))


def outcome(call, *arguments):
    """What the call returned, or how its client words the failure."""
    try:
        return call(*arguments)
    except Exception as error:  # whichever it is: the tests look at it
        return {"error": type(error).__name__, "message": str(error)}


def say(outcomes):
    json.dump(outcomes, sys.stdout)
