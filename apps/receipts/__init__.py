"""Receipts: what a customer has signed, in the bank's hand, for him to keep (PSD2 art. 48, 72).

Owns the keys that sign receipts and nothing else: the evidence is that of ``sca`` and of the rooms whose orders were
signed. Rules say what a receipt is and when it is genuine, without any database; queries gather what it tells; words
say it to people; services sign it and leave a trace.
"""
