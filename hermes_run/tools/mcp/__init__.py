"""Tools of MCP servers, through the official SDK; nothing of it is imported before it is needed."""
