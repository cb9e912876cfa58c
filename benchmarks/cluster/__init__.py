"""Measure Flume on a real Kubernetes: `python -m benchmarks.cluster`.

Needs Docker, kind, kubectl, helm, and kwok for the figures with many Pipelines; the package above
needs none of them.
"""
