"""The parts of the estate that no package manager carries: each is pinned, built or downloaded once, and cached.

Everything here except the language host runs with a bare system Python 3.11, before the virtual environment exists.
"""
