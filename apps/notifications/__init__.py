"""Getting word out: the transactional outbox, its relay, and the gateways for SMS and TPP status pushes.

A room that wants something done after its commit writes an outbox row in the same transaction
(``services.enqueue_message``). The relay publishes the row's id to the broker, a worker carries it out and marks
it done in the transaction of the effect. What was sent but not done in time is sent again, so nothing is lost
whatever dies; handlers are idempotent, so nothing happens twice.
"""
