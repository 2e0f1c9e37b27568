"""SecretConnection: the encrypted stream that CometBFT 0.34 to v1 and tmkms use over TCP.

Every Ed25519 key is accepted from the peer, as the protocol does: the firewalls decide who may connect.
"""
