"""Whether two names mean the same person or company: the name matching of Verification of Payee. Pure.

``matching.compare_names`` is the way in. ``letters`` makes spellings comparable, ``people`` and ``companies`` know what
may differ in a name without its meaning somebody else, ``words`` holds the lists. Quality is measured on the pairs in
``tests/names``.
"""
