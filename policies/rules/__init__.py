"""The rules, one per file. They check resources by their properties and tags, independently of the estate's own model.

A value that is unknown before a resource is created never counts as compliant. Where a rule needs a value that a
declaration always sets (a flag, a port, a CIDR), an unknown one is a violation. Where it may come from another resource
(a policy document with an ARN in it), a preview reports that the rule could not run, and the update decides before the
resource is created, when the value is known.
"""
