"""The lab's own chain: a small real network of a Cosmos SDK daemon that our nodes join as they would the declared one."""
