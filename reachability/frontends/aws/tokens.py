"""Types with several tokens in Pulumi's AWS provider: one table for the frontend and the claims."""

from __future__ import annotations

BALANCING = ("lb", "alb", "applicationloadbalancing", "elasticloadbalancingv2")
"""The modules that have the Elastic Load Balancing v2 resources; they are aliases."""


def _balancing(noun: str) -> tuple[str, ...]:
    return tuple(f"aws:{module}/{noun[0].lower()}{noun[1:]}:{noun}" for module in BALANCING)


BALANCERS = _balancing("LoadBalancer")
LISTENERS = _balancing("Listener")
LISTENER_RULES = _balancing("ListenerRule")
TARGET_GROUPS = _balancing("TargetGroup")
TARGETS = _balancing("TargetGroupAttachment")
