"""What a drill says when a promise did not hold."""


class Broken(Exception):
    """A promise did not hold in a drill."""
