"""The bank on one machine, from a checkout: what ``make run``, ``make demo`` and ``make test`` start.

``bootstrap`` needs nothing but Python; everything else runs in the virtual environment it makes. None of it
imports Django: the bank is started as the programs a production machine would start, with the same
environment variables.
"""
