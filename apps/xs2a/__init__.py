"""The TPP interface: Berlin Group NextGenPSD2 XS2A 1.3.12, as its OpenAPI has it (``docs/reference/contract/``).

A door: it owns no rules and no tables. One view class for each path, one base class through which every call goes
(S0-50): request id, access token, role, then the room. Parsing is strict, and every refusal is a ``tppMessages``
answer with a code of the contract. What differs from the contract is listed in ``docs/reference/xs2a.md``.
"""
