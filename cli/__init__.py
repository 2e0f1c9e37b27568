"""The command line: order and words around the engine, pyinfra and the lab; it adds nothing that they lack."""
