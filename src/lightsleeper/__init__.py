"""lightsleeper: a text classifier that sleeps at zero and wakes in well under a second.

One request, in reading order: `api` → `schemas` → `classifier` → `encoding` → `tokenizer` → `cache` →
`single_flight` → `batcher` → `engine` → `prediction`; `app` puts them together, `settings` is every knob, `errors`
everything that can go wrong.
"""

__version__ = "0.1.0"
