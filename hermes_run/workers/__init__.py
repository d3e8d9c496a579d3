"""A run over several processes: one hands out prompts and leave to ask, the others run sessions.

Each worker process has an event loop, a segment of the journal and sandboxes of its own. What must
be one for the whole run is in the process that began it, the head: the lock, the prompts, the gate
that every request passes, the budget, the rows, the statistics and the display. A worker asks for
its next session when it has finished one, and the head hears of its facts when they are durable.
"""
