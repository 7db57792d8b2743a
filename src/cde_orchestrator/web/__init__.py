"""What the HTTP transport serves next to MCP: pages and answers for browsers and machines."""
