"""A pipe with a name, as process substitution gives one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread


@contextmanager
def pipe_with(content: bytes, path: Path) -> Iterator[Path]:
    """The pipe `path` that somebody writes `content` into, once."""
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(content,))
    writer.start()
    yield path
    writer.join()
