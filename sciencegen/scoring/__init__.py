"""Oracles, which score items: functions, external programs or plugins, and a cache of the scores."""
