"""The lab's own chain: a small real network of a Cosmos SDK daemon, which our nodes join like the declared one."""
