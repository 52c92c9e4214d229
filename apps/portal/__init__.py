"""The customers' door: sign-in, accounts, payments, connected apps, and the pages on which they authorise a TPP.

Server-rendered and complete without JavaScript. It owns no rule and no table: every page asks the rooms' queries,
every change is one of the rooms' services.
"""
