"""Small labelled files whose labels can be learned in a moment."""

import json
from pathlib import Path

#: Two of these words decide the label, whatever stands around them.
GOOD, BAD = ("love", "enjoy"), ("hate", "broke")
FILLERS = ("the film", "this app", "our train", "it rained and", "my order", "everything here", "a keyboard")


def write_labelled(file: Path, fillers: tuple[str, ...] = FILLERS) -> Path:
    """Every filler before and after every word, labelled by the word."""
    words = [(word, "pleased") for word in GOOD] + [(word, "angry") for word in BAD]
    rows = [
        {"text": f"{one} {word} {two}", "label": label} for one in fillers for two in fillers for word, label in words
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file
