"""A small real chain with fast blocks, in its own namespaces, for fault injection: two datacentres with one
consensus key, three validators that are not ours, one table.
"""
