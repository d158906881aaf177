"""HTTP: routes, schemas, the door (keys, rates, headers), the page. Decides nothing about text.

May import `pipeline`, `telemetry`, `model` and what lies below; never settings.
Begin with `routes` and `exchange`; then `schemas`, `refusals` (the one error → status table) and `guard`.
"""
