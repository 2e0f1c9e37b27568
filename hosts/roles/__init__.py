"""One module a role, and those that every host shares. Each has ``apply(context)``, which declares its operations."""
