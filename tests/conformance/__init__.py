"""What the protocol's own suites are run against: ``make conformance``."""
