"""A ruleset that nft does not understand."""

from hosts.operations import firewall

firewall.ruleset(name="Load nonsense", text="flush ruleset\ntable inet estate { chain input { nonsense } }\n")
