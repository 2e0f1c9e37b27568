"""What checkov says of the same mutants: subjects as Terraform plans, scanned in an environment of checkov's own.

    python -m verification.oracles.scanner --python VENV/bin/python [--most N]

checkov reads Terraform, so resources are written as the JSON of a plan with the same property names in snake case and
references between resources where one names another's id. It does not read host rulesets: mutants that change only
those are beyond it, and are counted apart. A mutant counts as caught if a check newly fails, against the estate as
it is.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from reachability.resources import UNKNOWN, Resource
from reachability.subject import Subject
from verification.oracles import google
from verification.oracles.mutants import beds, chosen

TYPES = {
    "aws:vpc/securityGroupIngressRule": "aws_vpc_security_group_ingress_rule",
    "aws:vpc/securityGroupEgressRule": "aws_vpc_security_group_egress_rule",
    "aws:lb/loadBalancer": "aws_lb",
    "aws:ec2/defaultNetworkAcl": "aws_default_network_acl",
}
SCAN = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from checkov.common.bridgecrew.check_type import CheckType
from checkov.runner_filter import RunnerFilter
from checkov.terraform.plan_runner import Runner
for path in sys.stdin.read().split():
    try:
        report = Runner().run(root_folder=None, files=[path], runner_filter=RunnerFilter(framework=["terraform_plan"]))
        reports = report if isinstance(report, list) else [report]
        failed = sorted({f"{c.check_id} {c.resource}" for r in reports for c in r.failed_checks})
        print(json.dumps([path, failed, sum(len(r.passed_checks) for r in reports)]), flush=True)
    except Exception as error:
        print(json.dumps([path, [f"error {error}"], 0]), flush=True)
"""


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def terraform_type(type_: str) -> str:
    """``aws:ec2/vpc:Vpc`` as Terraform calls it."""
    module, _, _ = type_.rpartition(":")
    if module in TYPES:
        return TYPES[module]
    package, _, rest = module.partition(":")
    area, _, noun = rest.partition("/")
    prefix = "google" if package == "gcp" else "aws"
    middle = "" if area in ("ec2", "vpc") else f"{area}_"
    return f"{prefix}_{middle}{snake(noun)}"


def plain(value: Any) -> Any:
    if value is UNKNOWN:
        return None
    if isinstance(value, dict):
        return {snake(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def plan(subject: Subject) -> dict[str, Any]:
    """A subject as the JSON of a Terraform plan that creates all of it."""
    kept = [r for r in subject.resources if r.type.split(":")[0] in ("aws", "gcp")]
    addresses = {r.urn: f"{terraform_type(r.type)}.{re.sub(r'[^A-Za-z0-9_-]', '-', r.name)}" for r in kept}
    by_id = {r.id: addresses[r.urn] for r in kept if isinstance(r.id, str)}
    by_id |= {r.properties["arn"]: addresses[r.urn] for r in kept if isinstance(r.properties.get("arn"), str)}
    values, changes, configuration = [], [], []
    for each in kept:
        address = addresses[each.urn]
        kind, _, name = address.partition(".")
        after = plain(dict(each.properties))
        after = {singular(key): value for key, value in after.items()}
        record = {"address": address, "mode": "managed", "type": kind, "name": name}
        values.append({**record, "values": after, "schema_version": 1})
        changes.append(
            {**record, "change": {"actions": ["create"], "before": None, "after": after, "after_unknown": {}}}
        )
        configuration.append({**record, "expressions": references(after, by_id)})
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": values}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": configuration}},
    }


PLURALS = {"allows": "allow", "denies": "deny", "routes": "route", "root_block_devices": "root_block_device",
           "network_interfaces": "network_interface", "default_actions": "default_action"}  # fmt: skip


def singular(key: str) -> str:
    return PLURALS.get(key, key)


def references(after: dict[str, Any], by_id: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in after.items():
        named = [by_id[v] for v in (value if isinstance(value, list) else [value]) if isinstance(v, str) and v in by_id]
        if named:
            found[key] = {"references": [part for address in named for part in (f"{address}.id", address)]}
        elif not isinstance(value, (dict, list)):
            found[key] = {"constant_value": value}
    return found


def small(subject: Subject, changed: tuple[str, ...]) -> Subject:
    """With few of the rules that no mutant touches, to spare checkov its time: its checks see one rule at a time."""
    kept: list[Resource] = []
    seen: Counter[str] = Counter()
    for each in subject.resources:
        if each.type.endswith(("EgressRule", "IngressRule")) and each.urn not in changed:
            seen[each.properties.get("securityGroupId", "")] += 1
            if seen[each.properties.get("securityGroupId", "")] > 4:
                continue
        if each.type.startswith(
            ("aws:iam", "aws:route53", "aws:kms", "aws:cloudwatch", "aws:acm", "aws:ebs", "estate:", "pulumi:")
        ):
            continue
        kept.append(each)
    return Subject(tuple(kept))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="the interpreter of checkov's virtual environment")
    parser.add_argument(
        "--rows", type=Path, action="append", default=[], help="the fates that verification.oracles.mutants wrote"
    )
    parser.add_argument("--most", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    fates = {}
    for path in asked.rows:
        for line in path.read_text().splitlines():
            row = json.loads(line)
            fates[row["bed"], row["kind"], row["name"]] = row
    began = time.perf_counter()
    total: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        jobs: list[tuple[str, str, str, Path, Path]] = []
        bases: list[Path] = []

        def write(name: str, subject: Subject) -> Path:
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(plan(subject), default=str))
            return path

        for bed in beds(sorted({b for b, _, _ in fates} - {"gcp"})):
            planted = chosen(bed, asked.seed)
            touched = tuple({urn for mutant in planted for urn in mutant.changed})
            bases.append(write(f"{bed.name}-base", small(bed.subject, touched)))
            for index, mutant in enumerate(planted):
                if (bed.name, mutant.kind, mutant.name) not in fates:
                    continue
                total["mutants"] += 1
                broken = bool(fates[bed.name, mutant.kind, mutant.name]["broken"])
                total["confirmed"] += broken
                if mutant.subject.resources == bed.subject.resources:
                    total["of host rulesets only"] += 1
                    total["of host rulesets only, confirmed"] += broken
                    continue
                here = write(f"{bed.name}-{index}", small(mutant.subject, touched))
                jobs.append((bed.name, mutant.kind, mutant.name, bases[-1], here))
        found = list(google.mutants(Random(asked.seed)))
        base = write("gcp-base", google.subject())
        for index, (kind, name, subject, _) in enumerate(found):
            if ("gcp", kind, name) in fates:
                total["mutants"] += 1
                total["confirmed"] += bool(fates["gcp", kind, name]["broken"])
                jobs.append(("gcp", kind, name, base, write(f"gcp-{index}", subject)))
        jobs = jobs[: asked.most]
        paths = list(dict.fromkeys(str(p) for job in jobs for p in job[3:]))
        ran = subprocess.run(
            [asked.python, "-c", SCAN], input="\n".join(paths), capture_output=True, text=True, check=True
        )
        results = {
            path: set(failed)
            for path, failed, _ in (json.loads(line) for line in ran.stdout.splitlines() if line.startswith("["))
        }
        for bed_name, kind, name, base, here in jobs:
            fresh = results.get(str(here), set()) - results.get(str(base), set())
            broken = bool(fates[bed_name, kind, name]["broken"])
            total["scanned"] += 1
            if fresh:
                checks.update({each.split(" ")[0] for each in fresh})
                total["caught, confirmed" if broken else "alarm on an equivalent"] += 1
        failing = {str(p): len(results.get(str(p), ())) for p in [*bases, base]}
    print(f"mutants {total['mutants']}, confirmed by z3 {total['confirmed']}")
    print(f"of host rulesets alone, which checkov does not read: {total['of host rulesets only']}, "
          f"confirmed {total['of host rulesets only, confirmed']}")  # fmt: skip
    print(f"checkov: scanned {total['scanned']}, caught of the confirmed {total['caught, confirmed']}, "
          f"alarms on equivalents {total['alarm on an equivalent']}; "
          f"fails on the estates as they are: {sorted(failing.values())}")  # fmt: skip
    print(f"checks that newly failed: {dict(checks.most_common())}; seconds {time.perf_counter() - began:.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
