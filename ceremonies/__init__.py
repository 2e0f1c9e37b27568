"""The ceremonies of the consensus key: generate it, show it, move it. They are never part of a deployment."""
