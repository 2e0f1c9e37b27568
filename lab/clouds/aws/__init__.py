"""The lab's AWS: a provider plugin that the Pulumi engine attaches to and that answers as AWS would."""
