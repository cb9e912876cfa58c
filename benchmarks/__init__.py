"""Measure Flume beside its rivals and a yardstick: `python -m benchmarks`.

Light on purpose: the drivers of the rivals import this package in environments
that hold nothing but the rival.
"""
