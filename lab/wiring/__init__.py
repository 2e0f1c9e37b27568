"""The lab's network: cloud state and datacentres become namespaces, links, routes and nftables rulesets.

``plan`` is pure and says what there must be; ``apply`` makes it so, and again without a change; ``send`` asks it with packets.
"""
