"""Commands, queries, events, entries, and the catalogue of them all."""

from osteon.messages.catalogue import Catalogue, Kind, MessageType
from osteon.messages.entry import Correlation, Entry, Happened, Position, Recorded, Verdict
from osteon.messages.message import Command, Event, Message, Query, wire_name
from osteon.messages.record import ACCESS, ENTRY, GENESIS, PLACE, MalformedRecord, Record, header, parted, record_hash

__all__ = [
    "ACCESS",
    "ENTRY",
    "GENESIS",
    "PLACE",
    "Catalogue",
    "Command",
    "Correlation",
    "Entry",
    "Event",
    "Happened",
    "Kind",
    "MalformedRecord",
    "Message",
    "MessageType",
    "Position",
    "Query",
    "Record",
    "Recorded",
    "Verdict",
    "header",
    "parted",
    "record_hash",
    "wire_name",
]
