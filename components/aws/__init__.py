"""AWS: one implementation of the nouns that the program uses."""
