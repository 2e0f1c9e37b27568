"""How many virtual processors an instance has, and with which others it counts against an account's quota.

Sources: the EC2 instance types guide (default vCPUs of each size) and the EC2 user guide on On-Demand Instance quotas.
"""

import re

_STANDARD = frozenset("acdhimrtz")
_NOT_STANDARD = ("inf", "dl", "hpc", "mac", "trn")
_BY_SIZE = {
    "nano": 2,
    "micro": 2,
    "small": 2,
    "medium": 2,
    "large": 2,
    "xlarge": 4,
}
_SINGLE = re.compile(r"t2\.(nano|micro|small)|(a1|[cmrx]\d+g[a-z]*|im4gn|is4gen|[cmr][78]a)\.medium")
"""Types with one: T2 below `medium`, and at it Arm and the AMD families without simultaneous multithreading."""
_WHOLE_SERVERS = {
    16: "a1",
    48: "m5zn z1d",
    64: "c6g c6gd m6g m6gd r6g r6gd c7g c7gd m7g m7gd r7g r7gd x2gd",
    72: "c5n i3",
    96: "c5 c5d i3en m5 m5d m5dn m5n r5 r5b r5d r5dn r5n g4dn",
    128: "c6i c6id c6in i4i m6i m6id m6idn m6in r6i r6id r6idn r6in x2idn x2iedn",
    192: "c6a m6a r6a g5",
}
_METAL = {family: count for count, families in _WHOLE_SERVERS.items() for family in families.split()}


def bucket_of(instance_type: str) -> str:
    """Returns with what a type counts: `standard` (A, C, D, H, I, M, R, T, Z), or the letters of its family."""
    letters = re.match(r"[a-z]+", instance_type)
    name = letters[0] if letters else instance_type
    return "standard" if name[0] in _STANDARD and not name.startswith(_NOT_STANDARD) else name


def vcpus_of(instance_type: str) -> int:
    """Returns how many virtual processors an instance of a type has."""
    family, _, size = instance_type.partition(".")
    if _SINGLE.fullmatch(instance_type):
        return 1
    if size == "metal":
        return _METAL.get(family, 192)
    if size in _BY_SIZE:
        return _BY_SIZE[size]
    multiple = re.search(r"\d+(?=xl)", size)
    return 4 * int(multiple[0]) if multiple else 2
