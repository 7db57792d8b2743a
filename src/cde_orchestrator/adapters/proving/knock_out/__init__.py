"""Knock-outs: source code whose changed places do nothing."""
