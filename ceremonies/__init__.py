"""The ceremonies of the consensus key: how it is made, where it is, how it moves. Never part of a deploy."""
