"""The inventory with every host behind pyinfra's ``@fake`` connector: each command succeeds and says nothing."""

from hosts import context, groups

_network, _ = context.joined()
_fake = {"fake_delay": 0, "fake_delay_jitter": 0}
all = [(f"@fake/{name}", {**data, **_fake}) for name, data in groups.grouped(_network)["all"]]  # noqa: A001
globals().update(
    {name: [f"@fake/{each}" for each in members] for name, members in groups.grouped(_network).items() if name != "all"}
)
