"""What is read: each cloud's resources, datacentres and host rulesets, compiled to the same stages."""
