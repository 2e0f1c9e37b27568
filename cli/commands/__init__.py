"""One module for each command, by its name: ``configure`` declares its arguments, ``run`` returns its exit code.

``configure`` must import nothing that is slow to load: shell completion calls it at every press of the tab key.
"""
