"""`model2vec_train.py CHECKPOINT LABELLED MODEL`: the checkpoint as static embeddings, and a head trained."""

import csv
import random
import sys
from pathlib import Path

import torch
from model2vec.distill import distill
from model2vec.train import StaticModelForClassification

#: So that it takes a minute.
TEXTS = 20_000

# 700 tokens a second; with a thread a core, on cores that other work shares, 40: they wait for each other.
torch.set_num_threads(1)
checkpoint, labelled, folder = sys.argv[1:]
with Path(labelled).open(encoding="utf-8", newline="") as lines:
    rows = list(csv.DictReader(lines, dialect="excel-tab" if labelled.endswith(".tsv") else "excel"))
rows = random.Random(0).sample(rows, min(TEXTS, len(rows)))
names = {"0": "NEGATIVE", "1": "POSITIVE"}
model = StaticModelForClassification.from_static_model(model=distill(model_name=checkpoint))
model.fit([row.get("sentence") or row["text"] for row in rows], [names.get(row["label"], row["label"]) for row in rows])
model.to_pipeline().save_pretrained(folder)
