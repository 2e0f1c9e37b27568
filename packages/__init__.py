"""The estate's own signed APT repository: what its hosts install that Debian does not carry."""
