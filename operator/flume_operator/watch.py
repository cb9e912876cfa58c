"""Hears of changes in the cluster, by kopf in a thread and an event loop of its own.

Handlers of kopf neither retry nor coalesce, and what stops kopf cancels all tasks of its loop: so
they do nothing but hand on what they heard, and whoever works with it lives elsewhere.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from flume_operator.objects import GROUP, MANAGED_BY, PLURAL, VERSION
from flume_operator.options import Options

logger = logging.getLogger("flume_operator.watch")

CHILDREN = (
    ("", "v1", "configmaps", "ConfigMap"),
    ("apps", "v1", "deployments", "Deployment"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
)
"""Group, version, plural and kind of what the operator makes."""

TERM_S = 20
"""After which the API server ends a watch, and kopf goes on where it ended: one cheap call.

Minutes are usual.  But a watch only listens, and where packets are dropped without a word, a pause
waits for as long as silence is not suspicious.
"""
SILENCE_S = 25.0
"""After which a watch counts as dead: its end is overdue."""
EXIT_S = 30.0
"""kopf ends itself so long after its credentials were refused; 600 s unless set."""
LOGIN_PAUSE_S = 1.0
"""Between two logins: a token that is refused would be tried without a pause."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that happened to an object."""

    kind: str
    is_deleted: bool
    is_listed: bool
    """It is from a list and not from a change: what was deleted meanwhile goes unsaid."""
    body: Mapping[str, Any]


class Backoffs:
    """Waits between tries of a watch, without an end, and from the start each time.

    kopf ends when they are used up; its own are over after 54 s, and an API server may be away
    for longer.
    """

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((0.5, 1, 2, 3, 5), itertools.repeat(8))


class NoDifferences(kopf.DiffBaseStorage):
    """Finds no differences between versions: nobody here asks for them.

    kopf copies every object several times to find them, which is two thirds of what an event costs.
    """

    def build(self, **_: Any) -> Any:
        """Return nothing of an object."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Return nothing of what was handled last."""

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class Watcher:
    """Watches Pipelines and what was made for them.

    Args:
        options: Which namespaces.
        hear: Called in ``loop`` with everything that happens.
        ended: Called in ``loop`` when the watch has ended though nobody stopped it.
        loop: Of whoever works with what is heard.
    """

    def __init__(
        self,
        options: Options,
        *,
        hear: Callable[[Heard], None],
        ended: Callable[[BaseException | None], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._namespaces = options.namespaces
        self._hear = hear
        self._ended = ended
        self._loop = loop
        self._stop = threading.Event()
        self._was_stopped = False
        self.thread = threading.Thread(target=self._run, name="watch", daemon=True)
        """Ends when the watch does."""
        self._login_number = itertools.count()

    def start(self) -> None:
        """Begin to watch."""
        self.thread.start()

    async def stop(self) -> None:
        """End the watch."""
        self._was_stopped = True
        self._stop.set()
        await asyncio.to_thread(self.thread.join, 5.0)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._watch())
        except BaseException as caught:  # whatever it is, the process must hear of it
            error = caught
        if not self._was_stopped:
            self._post(self._ended, error)

    async def _watch(self) -> None:
        try:
            await kopf.operator(
                registry=self._registry(),
                settings=_settings(),
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                standalone=True,
                stop_flag=self._stop,
            )
        finally:
            # A thread waits for this flag, and the loop would wait for that thread.
            self._stop.set()

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        watched = [(GROUP, VERSION, PLURAL, "Pipeline", None)]
        name, value = MANAGED_BY
        watched += [(*child, {name: value}) for child in CHILDREN]  # type: ignore[misc]
        for group, version, plural, kind, labels in watched:
            kopf.on.event(
                group, version, plural, id=f"hear-{plural}", labels=labels, registry=registry
            )(self._handler(kind))
        return registry

    def _handler(self, kind: str) -> Callable[..., Any]:
        async def heard(*, event: Mapping[str, Any], **_: Any) -> None:
            what = event["type"]
            told = Heard(kind, what == "DELETED", what is None, event["object"])
            self._post(self._hear, told)

        return heard

    async def _login(self, *, settings: kopf.OperatorSettings, **_: Any) -> Any:
        """Log in.

        kopf never tries credentials again that were refused once, and stays silent for ever where
        a login brings none but those: so no two logins bring equal ones.
        """
        number = next(self._login_number)
        if number:
            await asyncio.sleep(LOGIN_PAUSE_S)
        found = kopf.login_with_service_account(settings=settings)
        if found is None:
            found = kopf.login_with_kubeconfig(settings=settings)
        if found is None:
            return None
        return _until(found, datetime.now(UTC) + timedelta(days=3650, seconds=number))

    def _post(self, call: Callable[[Any], None], value: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:  # the process is on its way out
            pass


def _until(found: kopf.ConnectionInfo, expiration: datetime) -> kopf.ConnectionInfo:
    from dataclasses import replace

    return replace(found, expiration=expiration)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    # Needs no rights on namespaces and CRDs; without this the first event of an operator that
    # has none came after 55 s.
    settings.scanning.disabled = True
    settings.persistence.diffbase_storage = NoDifferences()
    settings.networking.error_backoffs = Backoffs()
    settings.process.ultimate_exiting_timeout = EXIT_S
    settings.watching.server_timeout = TERM_S
    settings.watching.inactivity_timeout = SILENCE_S
    name, value = MANAGED_BY
    for group, version, plural, _ in CHILDREN:
        settings.watching.label_selectors[group, version, plural] = f"{name}={value}"
    return settings
