"""`model2vec_rows.py MODEL FILE`: the label of each line of FILE, a line each."""

import sys
from pathlib import Path

from model2vec.inference import StaticModelPipeline

classify = StaticModelPipeline.from_pretrained(sys.argv[1])
print(*classify.predict(Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()), sep="\n")
