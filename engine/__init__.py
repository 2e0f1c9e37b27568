"""The Pulumi engine and pyinfra, driven by their command lines."""
