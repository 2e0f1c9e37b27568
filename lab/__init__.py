"""The lab: the estate rehearsed on one machine."""
