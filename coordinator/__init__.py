"""The signing coordinator: two datacentres sign with one key, and never twice at one height, round and step.

``decision`` is pure: it returns effects. The other modules carry them out.
"""
