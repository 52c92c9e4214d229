"""ShopPay, the demonstration TPP: a third-party provider that talks to the bank over its public interfaces only.

It has its own users, its own log-in and its own store, finds the customer's bank from the IBAN, asks that bank for
a consent, keeps the OpenID Connect tokens it is given encrypted per user and IBAN, and starts payments with them.
Nothing of the bank's code is imported here: ShopPay knows the bank as any other company would, by its addresses,
its published contract and the key pair it registered. Start it with ``python -m examples.demo_tpp``.
"""
