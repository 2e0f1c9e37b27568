"""Configuration of every host of a network by pyinfra: inventory, roles, and the operations and facts that they use."""
