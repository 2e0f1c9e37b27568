"""Watches from a node's own host whether the node has its own peers, and has it restarted where CometBFT dials too
rarely or no longer.

It runs on a host, alone, on Debian's Python. `decision` decides; `__main__` asks, remembers and reports.
"""
