"""The estate's Pulumi components: one noun per file.

They take plan objects and each other, never configuration or the environment.
"""
