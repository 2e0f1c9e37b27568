"""The table that decides: one head per key, changed only under a condition, and one row per claim, only ever added."""
