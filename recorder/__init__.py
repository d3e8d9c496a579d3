"""A durable record of agent sessions: events, journal, sessions, formats.

Use it in any agent, ours or somebody else's::

    async with recorder.open("runs/mine") as record:
        async with record.session(prompt="...", tools=schemas, model="...") as session:
            await session.model_replied(text="...", calls=[...], usage=...)
            await session.tool_returned(call_id, output)
"""
