"""Readers for the rules: properties, policy documents, address blocks, firewall rules, and the types of resources."""
