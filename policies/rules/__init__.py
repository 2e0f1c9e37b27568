"""The rules, one a file. They judge resources by their properties and tags, and know nothing of the estate's own model.

What is unknown before a resource is made never counts as fine. Where a rule needs a value that a declaration always
states (a flag, a port, a CIDR), an unknown one is a violation. Where it may honestly come from another resource (a
policy document with an ARN in it), a preview says that the rule could not run, and the update decides before the
resource is made, when the engine knows the value.
"""
