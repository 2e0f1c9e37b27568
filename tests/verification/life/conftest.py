"""The table of the replayed traces."""

from __future__ import annotations

from tests.table_stack import local_table

__all__ = ["local_table"]
