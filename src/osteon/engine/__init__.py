"""The engine: runs modules over ports. Processor, inbox, indexes, reader, reactions, access log, and what the drain does."""

from osteon.engine.batches import Limits
from osteon.engine.declared import DeclaredViews, tables
from osteon.engine.edge import InvocationEdge, identifier_from
from osteon.engine.engine import Engine, Ports
from osteon.engine.folding import FoldFailed
from osteon.engine.indexes import Directory
from osteon.engine.issuing import service_account
from osteon.engine.partition import PARTITIONS, partition_of
from osteon.engine.place import Place, read_places
from osteon.engine.projection import Projection
from osteon.engine.snapshots import SnapshotMaker, States

__all__ = [
    "PARTITIONS",
    "DeclaredViews",
    "Directory",
    "Engine",
    "FoldFailed",
    "InvocationEdge",
    "Limits",
    "Place",
    "Ports",
    "Projection",
    "SnapshotMaker",
    "States",
    "identifier_from",
    "partition_of",
    "read_places",
    "service_account",
    "tables",
]
