"""Reviews of three shops, each with a date and stars: a file to look into once it is classified."""

import csv
import io
from itertools import product

TEXTS = [
    "A lovely, quiet film that stays with you.",
    "Arrived broken, and nobody answers the phone.",
    "Two hours I will never get back.",
    "Best purchase of the year; my mother wants one too.",
    "It arrived on Tuesday.",
]
STARS = ["5", "1", "1", "5", "3"]
SHOPS = ["Graz", "Cork", "Lyon"]
DATES = [f"2026-0{month}-1{day}" for month in range(1, 5) for day in (1, 5)]
ROWS = [
    {"id": str(n), "shop": shop, "date": DATES[n % 8], "stars": stars, "review": f"{text} ({n})"}
    for n, ((text, stars), shop) in enumerate(product(zip(TEXTS, STARS, strict=True), SHOPS))
]


def as_csv() -> bytes:
    """ROWS below their names."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]))
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue().encode()
