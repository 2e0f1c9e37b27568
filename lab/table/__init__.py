"""The signing table of the lab's gates: DynamoDB Local behind a front that simulates AWS and its failures.

The front runs on any Python of Debian's: it imports the standard library and this package's own modules alone.
"""
