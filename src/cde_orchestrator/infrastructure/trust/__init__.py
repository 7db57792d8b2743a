"""What a person trusts: kept outside of every project, and judged before anything is done."""
