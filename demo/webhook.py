"""A webhook: events as JSON, posted in batches."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from osteon.domain import Away, Occurrence
from osteon.model import record_json

__all__ = ["Webhook"]

PATIENCE = 10.0


class Webhook:
    """Posts a list of `{key, type, at, tenant, entity, position, body}`; the receiver drops a key that it has."""

    def __init__(self, address: str) -> None:
        """Posts to an address, `http` or `https`.

        Raises:
            ValueError: It is another kind of address.
        """
        if not address.startswith(("http://", "https://")):
            raise ValueError(f"A webhook needs an address that begins with http:// or https://, not '{address}'.")
        self._address = address

    async def __call__(self, batch: Sequence[Occurrence[Any]]) -> None:
        """See `Sink`: what the other side answers with 4xx can never be delivered; anything else may work later."""
        await asyncio.to_thread(self._post, record_json([_item(each) for each in batch]))

    def _post(self, body: bytes) -> None:
        request = Request(self._address, body, {"content-type": "application/json"})  # noqa: S310 - see __init__
        try:
            with urlopen(request, timeout=PATIENCE):  # noqa: S310
                pass
        except HTTPError as answer:
            text = f"{answer.code} {answer.reason}"
            if answer.code in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or answer.code >= 500:
                raise Away(text) from answer
            raise ValueError(text) from answer


def _item(each: Occurrence[Any]) -> dict[str, Any]:
    entry = each.happened.entry
    return {
        "key": each.key,
        "type": each.happened.event.type,
        "at": entry.context.at,
        "tenant": entry.context.tenant,
        "entity": entry.entity,
        "position": entry.position.token,
        "body": each.event,
    }
