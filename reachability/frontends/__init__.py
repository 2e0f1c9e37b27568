"""The frontends: cloud resources, datacentres and host rulesets, compiled to the same stages."""
