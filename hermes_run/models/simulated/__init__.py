"""A deterministic policy behind a real OpenAI-compatible server on loopback.

It solves small tasks with the real tools: every answer it gives was read from a tool's output. It
is for trying, testing and measuring; its replies name the model ``simulated``.

A request goes through four modules, all of them pure but the last::

    request.read     bytes     -> Request    what was asked, what it weighs in tokens
    policy.next_turn Request   -> Turn       what to do next, from the conversation alone
    wire.chunks      Turn      -> bytes      as server-sent events, or as one JSON object
    server.serve                             HTTP
"""
