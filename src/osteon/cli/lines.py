"""Entries as lines, of JSON or of text. What is sensitive is masked, unless somebody asks to see it."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from osteon.cli.terminal import coloured
from osteon.context import Authenticated, InternalProof
from osteon.messages import Catalogue, Entry, MessageType, Recorded
from osteon.model import Decoder, Sensitive, decoder, milliseconds, record_json

__all__ = ["VERDICTS", "Lines", "actor_of", "decided_at"]

VERDICTS = {"accepted": "green", "rejected": "yellow", "faulted": "red"}


class Lines:
    """Writes entries as lines.

    Nobody knows which fields of a message are sensitive but its type: what the catalogue does not know is masked as a
    whole.

    Attributes:
        unknown: The types that the catalogue did not know.
    """

    def __init__(self, catalogue: Catalogue, *, reveal: bool) -> None:
        """Knows the types of `catalogue`; masks nothing if it is to `reveal`."""
        self._catalogue = catalogue
        self._reveal = reveal
        self._encode = record_json if reveal else msgspec.json.Encoder(enc_hook=_masked).encode
        self.unknown: set[str] = set()

    def json(self, tenant: str, entry: Entry) -> str:
        """An entry as a line of JSON: all its fields, and above them what it is found by."""
        context, command = entry.context, entry.command
        line = {
            "tenant": tenant,
            "tenantId": context.tenant,
            "partition": entry.position.partition,
            "sequence": entry.position.sequence,
            "position": entry.position.token,
            "at": context.at,
            "invocation": context.trace.current,
            "entityType": entry.entity_type,
            "entity": entry.entity,
            "key": entry.key,
            "fingerprint": entry.fingerprint,
            "verdict": entry.verdict,
            "problem": entry.problem,
            "command": self._message(command),
            "answer": self._answer(entry),
            "events": [self._message(event) for event in entry.events],
            "correlation": entry.correlation,
            "context": context,
        }
        return self._encode(line).decode()

    def text(self, tenant: str, entry: Entry) -> str:
        """An entry as a line of text: when, where, what became of it, what it was, of what, by whom."""
        position = f"{entry.position.partition}/{entry.position.sequence}"
        outcome = ", ".join(event.type for event in entry.events) or (entry.problem.key if entry.problem else "nothing")
        cells = [
            coloured(decided_at(entry), "faint"),
            f"{tenant:<9}",
            f"{position:<8}",
            coloured(f"{entry.verdict:<8}", VERDICTS[entry.verdict]),
            f"{entry.command.type:<20}",
            f"{entry.entity_type} {entry.entity}",
            coloured(f"by {actor_of(entry)}", "faint"),
            f"> {outcome}",
        ]
        return "  ".join(cells)

    def _message(self, message: Recorded) -> dict[str, Any]:
        body = self._read(message.type, message.body)
        return {"id": message.id, "type": message.type, "body": body}

    def _read(self, type: str, body: msgspec.Raw) -> Any:
        known = self._known(type)
        if self._reveal or not known:
            return body if self._reveal else "masked"
        try:
            return known.decoder.decode(body)
        except msgspec.MsgspecError:
            return self._unreadable(type)

    def _answer(self, entry: Entry) -> Any:
        if self._reveal or bytes(entry.answer) == b"null":
            return entry.answer
        known = self._known(entry.command.type)
        if not known:
            return "masked"
        try:
            return _decoder(known.answer).decode(entry.answer)
        except msgspec.MsgspecError:
            return self._unreadable(entry.command.type)

    def _known(self, type: str) -> MessageType | None:
        known = self._catalogue.get(type)
        if known is None:
            self.unknown.add(type)
        return known

    def _unreadable(self, type: str) -> str:
        self.unknown.add(type)
        return "masked"


@cache
def _decoder(type: Any) -> Decoder[Any]:
    return decoder(type)


def _masked(value: Any) -> str:
    if isinstance(value, Sensitive):
        return str(value)  # pyright: ignore[reportUnknownArgumentType]
    raise NotImplementedError(f"'{type(value).__name__}' has no JSON form.")


def decided_at(entry: Entry) -> str:
    """When it was decided: what was asked first may have taken longer to prepare."""
    return datetime.fromtimestamp(milliseconds(entry.command.id) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def actor_of(entry: Entry) -> str:
    """Who asked: an account, a part of the platform, or a guest."""
    access = entry.context.access
    if not isinstance(access, Authenticated):
        return "a guest"
    actor = access.actor
    proof = actor.authentication
    if isinstance(proof, InternalProof):
        return proof.handler if proof.person is None else f"{proof.handler} {proof.person}"
    return actor.account.account
