"""The protocol between a validator node and its remote signer (privval): CometBFT 0.34–0.40 and v1.

``for_node`` and ``for_signer`` are the two sides of a gate. ``messages`` has the messages, ``canonical`` the bytes that
signatures cover, ``wire`` and ``stream`` the encoding. Pure, except that ``stream`` calls the ``receive`` that it is
given.
"""
