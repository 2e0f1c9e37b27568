"""The programs that change things, driven by their own command lines: the Pulumi engine and pyinfra."""
