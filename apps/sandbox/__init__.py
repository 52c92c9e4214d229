"""The sandbox's own door: personas, the phone that shows the text messages, the bank clock, figures for testers.

Mounted only with ``BANK_MODE=sandbox``; a system check (bank.E003) refuses to start a production bank with any part
of it. Its tables are what its protocol needs and no money depends on them: messages on phones, and the clock.
"""
