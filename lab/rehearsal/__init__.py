"""The lab of one network, brought up stage by stage, and what can be seen of it."""
