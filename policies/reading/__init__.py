"""What the rules read: properties, policy documents, address blocks, firewall rules, and the types of resources."""
