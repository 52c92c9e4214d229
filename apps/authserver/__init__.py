"""The authorization server: OAuth 2, OpenID Connect, on django-oauth-toolkit and nowhere else in the house.

A door with protocol state. It keeps authorization requests, codes and tokens; what a customer agrees to
belongs to consents and payments, who may ask belongs to tpp, and the proof of identity to sca. An app's
``client_id``, redirect URIs, keys and status are read from ``tpp.App`` every time: there is no second truth.
Protocol time (codes, tokens, assertions) is real time, whatever the sandbox does with the bank's clock.
"""
