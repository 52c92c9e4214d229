"""The fraud register: payments that their customers did not authorise, what the bank found, and how much of all it is.

A customer reports a booked payment within 13 months (PSD2 art. 71), staff judge it with a reason, and what was not
authorised is paid back by the end of the next business day (art. 73). What was judged feeds the fraud rate of the last
ninety days, on which transaction risk analysis hangs (RTS art. 18-21): it opens and closes with the rate.
"""
