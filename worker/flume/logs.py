"""How a process of ours logs: JSON lines, text for people, or the user's own configuration.

The library only calls ``logging``; nothing is configured unless a worker process asks here.
"""

from __future__ import annotations

import json
import logging
import logging.config
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flume.errors import ConfigurationError

FORMATS = ("json", "text")

# What every record has; the rest of its attributes are the fields that were passed as ``extra``.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that were passed as ``extra``."""
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line = {**line, **fields_of(record), **line}  # in this order, and no field replaces these
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Time, level and event, then the fields as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        fields = " ".join(f"{key}={value}" for key, value in fields_of(record).items())
        line = f"{moment} {record.levelname.lower():7} {record.getMessage():20} {fields}".rstrip()
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def configure(
    *, style: str = "json", level: str = "info", config: str | Path | None = None
) -> None:
    """Configure the process' logging.

    Args:
        style: ``json`` or ``text``.
        level: ``debug`` adds a line for each completed job.
        config: A file with a ``logging.config`` dictionary (JSON or YAML); then it alone counts.

    Raises:
        ConfigurationError: If the style or level is none, or the file cannot be used.
    """
    if config is not None:
        _from_file(Path(config))
        return
    number = logging.getLevelNamesMapping().get(level.upper())
    if style not in FORMATS or number is None:
        raise ConfigurationError(
            f"log format {style!r} and level {level!r}: use {' or '.join(FORMATS)}, and debug, "
            "info, warning or error."
        )
    logging.captureWarnings(True)  # they would be lines of another form
    output = logging.StreamHandler()
    output.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(number)


def _from_file(path: Path) -> None:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        # Ours exist by now, and by default all that exist and are not named there fall silent.
        settings.setdefault("disable_existing_loggers", False)
        logging.config.dictConfig(settings)
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"the logging configuration {path} cannot be used: {error}. It is a dictionary for "
            "logging.config.dictConfig, in JSON or YAML."
        ) from error
