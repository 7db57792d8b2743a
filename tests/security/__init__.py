"""The product against what was built to attack it, or what it must not give away."""
