"""The table that the lab's gates sign by: DynamoDB Local, and before it a front that stands for AWS and its failures.

The front runs on any Python of Debian's: it imports the standard library and this package's own modules alone.
"""
