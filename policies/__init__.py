"""The policy pack. The engine runs it on every preview and update; it can also be run on an exported state."""
