"""How the parts of the estate that no package manager carries are had: built or downloaded once, pinned, cached.

Everything here but the language host runs with a bare system Python 3.11: it works before the virtual environment does.
"""
