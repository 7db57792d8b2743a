"""What the HTTP transport serves beside MCP: pages and answers for browsers and machines."""
