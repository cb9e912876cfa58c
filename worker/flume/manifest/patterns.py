"""The character sets of names and other strings in a Pipeline, and what each asks for in words.

The expressions mean the same to Go (the API server), Rust (pydantic) and Python.
"""

from __future__ import annotations

NAME = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$"
"""Queues and limits.  No braces: these names are the hash tags of Redis Cluster."""
LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
KEY_PREFIX = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"
SECRET_KEY = r"^[-._a-zA-Z0-9]+$"
MODULE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
URL_PATH = r"^/[!-~]*$"
IMAGE = r"^[!-~]+$"
LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
ENV_NAME = r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"
MOUNT_PATH = r"^[^:]+$"
PERCENT = r"^(100|[1-9]?[0-9])%$"
QUANTITY = r"^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
REASON = r"^[A-Z][A-Za-z0-9]*$"

_ENDS = "starting and ending with a letter or digit"

WORDS = {
    NAME: f"a-z, 0-9, '.', '_' and '-', {_ENDS}",
    LABEL: f"a-z, 0-9 and '-', {_ENDS}",
    SUBDOMAIN: f"a-z, 0-9, '-' and '.', each part {_ENDS}",
    KEY_PREFIX: "A-Z, a-z, 0-9, '.', '_', ':' and '-', starting with a letter or digit",
    SECRET_KEY: "A-Z, a-z, 0-9, '-', '_' and '.'",
    MODULE: "a dotted Python module such as app.jobs",
    URL_PATH: "a path from '/', without spaces",
    IMAGE: "no spaces",
    LABEL_VALUE: f"A-Z, a-z, 0-9, '-', '_' and '.', {_ENDS}",
    ENV_NAME: "A-Z, a-z, 0-9, '_', '-' and '.', with no digit in front",
    MOUNT_PATH: "a path without ':'",
    PERCENT: "a number of pods, or a share such as 25%",
    QUANTITY: "an amount such as 500m, 2 or 256Mi",
    REASON: "a word such as QueueConflict",
}
"""Pattern → what it allows."""
