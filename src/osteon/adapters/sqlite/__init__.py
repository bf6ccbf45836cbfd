"""History, views and access log on SQLite: a file for each tenant, its pages encrypted under the tenant's key."""

from osteon.adapters.sqlite.access_log import SqliteAccessLog
from osteon.adapters.sqlite.connections import Connections, OtherVersion, Settings
from osteon.adapters.sqlite.filing import SqliteFiling
from osteon.adapters.sqlite.history import SqliteHistory
from osteon.adapters.sqlite.renewal import filed_views, read_behind, read_standings
from osteon.adapters.sqlite.snapshots import SqliteSnapshots
from osteon.adapters.sqlite.views import SqliteViews

__all__ = [
    "Connections",
    "OtherVersion",
    "Settings",
    "SqliteAccessLog",
    "SqliteFiling",
    "SqliteHistory",
    "SqliteSnapshots",
    "SqliteViews",
    "filed_views",
    "read_behind",
    "read_standings",
]
