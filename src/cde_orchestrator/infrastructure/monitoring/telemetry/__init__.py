"""What operations cost: counted, stored, added up."""
