"""What accounts cost and bear: prices and interest terms by product, interest accrued day by day, charges booked once.

Knows accounts and the ledger; payments, statements and the doors ask it. Prices and terms are only ever added, each
with the day from which it holds; what is charged is computed from them and from the ledger's closed days alone, in
whole numbers, and booked by the engine's role.
"""
