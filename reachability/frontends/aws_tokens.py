"""The tokens of one resource type in Pulumi's AWS provider: one table for the frontend and the claims.

It is outside the frontend so that claims do not import that.
"""

from __future__ import annotations

from collections.abc import Mapping

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
TARGET = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
CERTIFICATE = "aws:lb/listenerCertificate:ListenerCertificate"

CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
CLASSIC_ATTACHMENT = "aws:elb/attachment:Attachment"
CLASSIC_SETTINGS = tuple(
    f"aws:elb/{name[:1].lower()}{name[1:]}:{name}"
    for name in (
        "AppCookieStickinessPolicy",
        "ListenerPolicy",
        "LoadBalancerBackendServerPolicy",
        "LoadBalancerCookieStickinessPolicy",
        "LoadBalancerPolicy",
        "SslNegotiationPolicy",
    )
)
"""How a classic load balancer encrypts and remembers clients."""

BALANCING = ("alb", "applicationloadbalancing", "elasticloadbalancingv2")
"""The modules that have the types of the module ``lb``, too."""

ALIASES: Mapping[str, str] = {
    **{
        token.replace("aws:lb/", f"aws:{module}/"): token
        for token in (BALANCER, LISTENER, LISTENER_RULE, TARGET_GROUP, TARGET, CERTIFICATE)
        for module in BALANCING
    },
    **{
        token.replace("aws:elb/", "aws:elasticloadbalancing/"): token
        for token in (CLASSIC, CLASSIC_ATTACHMENT, *CLASSIC_SETTINGS)
    },
    "aws:ec2/transitGatewayPeeringAttachmentAccepter:TransitGatewayPeeringAttachmentAccepter": (
        "aws:ec2transitgateway/peeringAttachmentAccepter:PeeringAttachmentAccepter"
    ),
    "aws:lambda/microvmsImage:MicrovmsImage": "aws:lambdamicrovms/image:Image",
}
"""Other tokens of the types that are known here, or whose modules are; by the token under which they are known."""


def known_as(token: str) -> str:
    """The token under which a type is known here."""
    return ALIASES.get(token, token)
