"""The domain of the validator estate: the declaration, its address plan, and who may talk to whom.

Pure: nothing in this package imports Pulumi, pyinfra or a cloud SDK, reads the network or keeps state.
"""
