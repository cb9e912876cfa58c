"""Reads the address of a Redis out of a Secret: by name, never listed, kept for a while."""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass

from flume_operator.api import Api
from flume_operator.errors import CredentialsError, ForbiddenError, MissingError
from flume_operator.objects import Key

KEPT_S = 60.0
"""A changed Secret is seen after so long."""
DOUBTED_S = 2.0
"""The same where Redis did not take what was kept: hundreds of Pipelines may doubt one Secret."""


@dataclass(slots=True)
class _Kept:
    url: str
    since: float
    is_doubted: bool = False


class Credentials:
    """Addresses of Redis, by the Secret that holds them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._kept: dict[tuple[Key, str], _Kept] = {}

    async def url(self, secret: Key, key: str) -> str:
        """Return the address.

        Raises:
            CredentialsError: If there is no such Secret or key, or it may not be read.
            UnavailableError: If the API server did not answer.
        """
        now = asyncio.get_running_loop().time()
        kept = self._kept.get((secret, key))
        if kept is None or now - kept.since > (DOUBTED_S if kept.is_doubted else KEPT_S):
            kept = _Kept(await self._read(secret, key), now)
            self._kept[secret, key] = kept
        return kept.url

    def remembered(self, secret: Key, key: str) -> str | None:
        """Return the address that was read last, however long ago: for what cannot wait.

        None where it is in doubt, or was never read.
        """
        kept = self._kept.get((secret, key))
        return None if kept is None or kept.is_doubted else kept.url

    def doubt(self, secret: Key, key: str) -> None:
        """Read a Secret again soon: the Redis it names did not do what was asked."""
        if (kept := self._kept.get((secret, key))) is not None:
            kept.is_doubted = True

    async def _read(self, secret: Key, key: str) -> str:
        try:
            found = await self._api.get("Secret", secret)
        except MissingError as error:
            raise CredentialsError(
                f"There is no Secret {secret.name} in namespace {secret.namespace}. Make it, with "
                f"the URL of Redis as {key}, or name another in spec.redis.secretRef.",
                is_missing=True,
            ) from error
        except ForbiddenError as error:
            raise CredentialsError(
                f"The operator may not read the Secret {secret.name} in namespace "
                f"{secret.namespace}: add the name to redisSecrets of the chart. {error}",
                is_missing=True,
            ) from error
        value = (found.get("data") or {}).get(key)
        if value is None:
            raise CredentialsError(
                f"The Secret {secret.name} in namespace {secret.namespace} has no key {key}. Add "
                "it, with the URL of Redis, or name another in spec.redis.secretRef.",
                is_missing=True,
            )
        return _text(value, f"Secret {secret.name} in namespace {secret.namespace}, key {key}")


def _text(value: str, what: str) -> str:
    try:
        url = base64.b64decode(value, validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        url = ""
    if not url:
        raise CredentialsError(f"{what}: it is empty, or no text.", is_missing=False)
    return url
