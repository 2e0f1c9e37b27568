"""pyinfra operations of the estate's own. Each takes many things at once and changes only what differs."""
