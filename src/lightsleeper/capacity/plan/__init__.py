"""What Knative's autoscaler will do with some traffic: pods, waiting and money, before anybody pays for it.

Begin with `simulation`, which goes through the time second by second; `autoscaler` decides, `fleet` answers,
`traffic` asks, `report` says what came of it and `compare` tries other settings.
"""
