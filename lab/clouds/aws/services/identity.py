"""IAM: roles, policies and instance profiles.

Source: the IAM user guide's grammar of policies and its quotas, and the IAM API's error codes.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import between, json_document, matches
from lab.clouds.aws.services import tokens
from lab.clouds.aws.spec import Autoname, Computed, Reference, TypeSpec

_PATH = matches("path", r"/|/[\x21-\x7e]+/", "begins and ends with /")
_NO_ROLE = ("NoSuchEntity", "The role with name {id} cannot be found.")
_NO_POLICY = ("NoSuchEntity", "Policy {id} does not exist or is not attachable.")
_MANAGED = re.compile(r"arn:aws:iam::aws:policy/([\w+=,.@-]+/)*[\w+=,.@-]+")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_CREATED = "2026-01-01T00:00:00Z"
_MOST_MANAGED_POLICIES = 10
IN_ROLE = Reference("role", (tokens.IAM_ROLE,), _NO_ROLE)


def _statements(call: Call, text: str) -> list[Mapping[str, Any]]:
    document = json.loads(text)
    if document.get("Version") not in ("2012-10-17", "2008-10-17", None):
        call.refuse("MalformedPolicyDocument", "The policy must contain a valid version string")
    statements = document.get("Statement")
    statements = [statements] if isinstance(statements, Mapping) else statements
    if not statements:
        call.refuse("MalformedPolicyDocument", "Syntax errors in policy: it has no statement.")
    for statement in statements:
        if statement.get("Effect") not in ("Allow", "Deny"):
            call.refuse("MalformedPolicyDocument", "Syntax errors in policy: a statement must Allow or Deny.")
        if "Action" not in statement and "NotAction" not in statement:
            call.refuse("MalformedPolicyDocument", "Policy statement must contain actions.")
        for action in _listed(statement.get("Action", statement.get("NotAction"))):
            if not _ACTION.fullmatch(action):
                call.refuse(
                    "MalformedPolicyDocument",
                    f"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2: {action}",
                )
    return statements


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def check_identity_policy(call: Call, text: str, longest: int) -> None:
    """Refuses a policy for an identity that AWS could not evaluate, or that is longer than the quota (characters)."""
    for statement in _statements(call, text):
        if "Principal" in statement or "NotPrincipal" in statement:
            call.refuse("MalformedPolicyDocument", "Policy document should not specify a principal.")
        if "Resource" not in statement and "NotResource" not in statement:
            call.refuse("MalformedPolicyDocument", "Policy statement must contain resources.")
        for resource in _listed(statement.get("Resource", statement.get("NotResource"))):
            if resource != "*" and not re.fullmatch(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.+", resource):
                call.refuse("MalformedPolicyDocument", f'Resource {resource} must be in ARN format or "*".')
    if len(re.sub(r"\s", "", text)) > longest:
        call.refuse("LimitExceeded", f"Cannot exceed quota for PolicySize: {longest}")


def check_trust_policy(call: Call, text: str) -> None:
    """Refuses a trust policy that names no principal, an unknown one, or a resource."""
    for statement in _statements(call, text):
        if "Resource" in statement:
            call.refuse("MalformedPolicyDocument", "Has prohibited field Resource")
        principal = statement.get("Principal")
        if not principal:
            call.refuse("MalformedPolicyDocument", "AssumeRole policy must contain a principal.")
        if isinstance(principal, Mapping):
            for service in _listed(principal.get("Service", [])):
                if not _SERVICE.fullmatch(service):
                    call.refuse("MalformedPolicyDocument", f'Invalid principal in policy: "SERVICE":"{service}"')
        if not any(action.startswith("sts:") for action in _listed(statement.get("Action", "sts:AssumeRole"))):
            call.refuse("MalformedPolicyDocument", "AssumeRole policy may only specify STS AssumeRole actions.")


def _unique(token: str, word: str) -> Callable[[Call], None]:
    def refuse(call: Call) -> None:
        if call.old is None and call.find(token, name=call.props["name"]):
            call.refuse("EntityAlreadyExists", f"{word} with name {call.props['name']} already exists.")

    return refuse


def _refuse_role(call: Call) -> None:
    check_trust_policy(call, call.props["assumeRolePolicy"])
    for inline in call.props.get("inlinePolicies") or []:
        if inline.get("policy"):
            check_identity_policy(call, inline["policy"], 10240)
    for policy_arn in call.props.get("managedPolicyArns") or []:
        _refuse_missing_policy(call, policy_arn)


def _refuse_missing_policy(call: Call, policy_arn: str) -> None:
    if not _MANAGED.fullmatch(policy_arn) and not call.find(tokens.IAM_POLICY, arn=policy_arn):
        code, message = _NO_POLICY
        call.refuse(code, message.format(id=policy_arn))


def _unique_id(call: Call, prefix: str) -> str:
    return f"{prefix}{call.digest(prefix)[:17].upper()}"


def _role_attributes(call: Call) -> Computed:
    path = call.props["path"]
    return {
        "arn": call.arn("iam", f"role{path}{call.id}", region=""),
        "createDate": _CREATED,
        "uniqueId": _unique_id(call, "AROA"),
        "inlinePolicies": call.props.get("inlinePolicies") or [],
        "managedPolicyArns": call.props.get("managedPolicyArns") or [],
    }


def _policy_arn(call: Call) -> str:
    return call.arn("iam", f"policy{call.props['path']}{call.props['name']}", region="")


def _refuse_attachment(call: Call) -> None:
    policy_arn, role = call.props["policyArn"], call.props["role"]
    _refuse_missing_policy(call, policy_arn)
    others = call.mentioning(role, tokens.ROLE_POLICY_ATTACHMENT)
    if call.old is None and len(others) >= _MOST_MANAGED_POLICIES:
        call.refuse("LimitExceeded", f"Cannot exceed quota for PoliciesPerRole: {_MOST_MANAGED_POLICIES}")


def _profile_attributes(call: Call) -> Computed:
    return {
        "arn": call.arn("iam", f"instance-profile{call.props['path']}{call.id}", region=""),
        "createDate": _CREATED,
        "uniqueId": _unique_id(call, "AIPA"),
    }


SPECS = (
    TypeSpec(
        token=tokens.IAM_ROLE,
        noun="IAM Role",
        service="IAM",
        create="CreateRole",
        update="UpdateAssumeRolePolicy",
        id=lambda call: call.props["name"],
        replaces=frozenset({"name", "namePrefix", "path"}),
        computed_inputs=frozenset({"inlinePolicies", "managedPolicyArns"}),
        defaults={"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/", "description": ""},
        is_global=True,
        autoname=Autoname(longest=64),
        rules=(
            matches("name", r"[A-Za-z0-9+=,.@_-]{1,64}", "at most 64 letters, digits and +=,.@_-"),
            between("maxSessionDuration", 3600, 43200),
            json_document("assumeRolePolicy"),
            _PATH,
        ),
        refusals=(_refuse_role, _unique(tokens.IAM_ROLE, "Role")),
        compute=_role_attributes,
        in_use=("DeleteConflict", "Cannot delete entity, must detach all policies and profiles first. ({by})"),
    ),
    TypeSpec(
        token=tokens.ROLE_POLICY,
        noun="IAM Role Policy",
        service="IAM",
        create="PutRolePolicy",
        update="PutRolePolicy",
        delete="DeleteRolePolicy",
        id=lambda call: f"{call.props['role']}:{call.props['name']}",
        replaces=frozenset({"name", "namePrefix", "role"}),
        is_global=True,
        autoname=Autoname(longest=128),
        rules=(json_document("policy"),),
        references=(IN_ROLE,),
        refusals=(lambda call: check_identity_policy(call, call.props["policy"], 10240),),
    ),
    TypeSpec(
        token=tokens.IAM_POLICY,
        noun="IAM Policy",
        service="IAM",
        create="CreatePolicy",
        update="CreatePolicyVersion",
        id=_policy_arn,
        replaces=frozenset({"name", "namePrefix", "path", "description"}),
        defaults={"path": "/", "description": ""},
        is_global=True,
        autoname=Autoname(longest=128),
        rules=(json_document("policy"), _PATH),
        refusals=(
            lambda call: check_identity_policy(call, call.props["policy"], 6144),
            _unique(tokens.IAM_POLICY, "A policy"),
        ),
        compute=lambda call: {"arn": call.id, "policyId": _unique_id(call, "ANPA"), "attachmentCount": 0},
        in_use=("DeleteConflict", "Cannot delete a policy attached to entities. ({by})"),
    ),
    TypeSpec(
        token=tokens.ROLE_POLICY_ATTACHMENT,
        noun="IAM Role Policy Attachment",
        service="IAM",
        create="AttachRolePolicy",
        delete="DetachRolePolicy",
        id=lambda call: f"{call.props['role']}/{call.props['policyArn']}",
        replaces=frozenset({"policyArn", "role"}),
        is_global=True,
        references=(
            IN_ROLE,
            Reference(
                "policyArn",
                (tokens.IAM_POLICY,),
                _NO_POLICY,
                by="arn",
                ignore=lambda arn: bool(_MANAGED.fullmatch(arn)),
            ),
        ),
        refusals=(_refuse_attachment,),
    ),
    TypeSpec(
        token=tokens.INSTANCE_PROFILE,
        noun="IAM Instance Profile",
        service="IAM",
        create="CreateInstanceProfile",
        update="AddRoleToInstanceProfile",
        id=lambda call: call.props["name"],
        replaces=frozenset({"name", "namePrefix", "path"}),
        defaults={"path": "/"},
        is_global=True,
        autoname=Autoname(longest=128),
        rules=(_PATH,),
        references=(IN_ROLE,),
        refusals=(_unique(tokens.INSTANCE_PROFILE, "Instance Profile"),),
        compute=_profile_attributes,
    ),
)
