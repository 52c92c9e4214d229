"""People: log-ins, customers (PSUs), and the registry that maps a customer to a user of the core.

The registry is the bank's own answer to "who is this in the back end" (S0-52): no mapping, no access.
"""
