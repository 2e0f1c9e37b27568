"""SecretConnection: the encrypted stream by which CometBFT 0.34 to v1 and tmkms talk over TCP.

Every Ed25519 key is accepted at the other end, as the protocol has it: who may connect at all is the network's matter.
"""
