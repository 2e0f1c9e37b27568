"""The lab's network: cloud state and datacentres become namespaces, links, routes and nftables rulesets.

``plan`` is pure and says what there must be, ``apply`` makes it so, ``drill`` cuts parts of it off, ``send`` asks it
with packets.
"""
