"""Reports that errors leave."""
