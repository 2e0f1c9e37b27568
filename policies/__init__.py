"""The policy pack: run by the engine on every preview and update, and by itself on any state of ours."""
