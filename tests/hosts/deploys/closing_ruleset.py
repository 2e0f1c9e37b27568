"""A ruleset that is right in form and shuts out every new connection."""

from hosts.operations import firewall

firewall.ruleset(
    name="Shut the operator out",
    text=(
        "flush ruleset\ntable inet estate {\n\tchain input {\n"
        "\t\ttype filter hook input priority filter; policy drop;\n"
        "\t\tct state established accept\n\t}\n}\n"
    ),
    rollback_seconds=4,
)
