"""A small real chain with fast blocks, in namespaces of its own, that breaks on purpose: two datacentres with one
consensus key, three validators that are not ours, one table.
"""
