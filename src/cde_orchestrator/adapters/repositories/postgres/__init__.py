"""The project repository over PostgreSQL."""
