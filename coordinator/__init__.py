"""The signing coordinator: two datacentres sign with one key, and never twice at one height, round and step.

``decision`` decides and does nothing; everything else here carries out what it asks for.
"""
