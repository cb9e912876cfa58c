"""``python -m flume``: the flume command."""

import sys

from flume.cli import main

sys.exit(main())
