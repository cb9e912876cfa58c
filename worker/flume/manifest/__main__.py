"""Print docs/reference/pipeline.md: ``python -m flume.manifest``."""

import sys

from flume.manifest.reference import reference

sys.stdout.write(reference())
