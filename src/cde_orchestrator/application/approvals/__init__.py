"""What a person decides: phases that wait for one, and criteria that nothing can show."""
