"""The door of the rails: where a clearing house delivers its messages.

It checks who speaks and whether it is a message, keeps it to the letter and says so; a worker reads it afterwards.
What this door has answered with 202 is in the database, so the house need not keep it for us any longer.
"""
