"""What the HTTP transport serves in addition to MCP: pages and answers for browsers and machines."""
