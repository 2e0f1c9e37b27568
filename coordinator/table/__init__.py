"""The signing table: one head row per key, changed only by conditional writes, and one row per claim, only added."""
