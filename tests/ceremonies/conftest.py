"""The table, as gates and operators reach it."""

from tests.table_stack import ash, ceremony, credentials, endpoint, key, local_table, zrh

__all__ = ["ash", "ceremony", "credentials", "endpoint", "key", "local_table", "zrh"]
