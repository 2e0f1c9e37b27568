"""What follows from a declaration: roles, addresses, hosts, flows and coordination, each derived once."""
