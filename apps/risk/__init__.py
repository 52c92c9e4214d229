"""Transaction monitoring: how risky a payment or a sign-in looks, and why (RTS art. 2, 18; PSD2 art. 68).

Each payment and each sign-in has one assessment: a score, a level, and every factor that the law names with its
evidence. Assessments are only ever added, together with the facts and the version of the rules they were made by, so
that anybody can compute them again. The room blocks nothing: what looks risky goes to a queue that people look at.
"""
