"""Runners of tests in JavaScript and TypeScript: Node.js' own, vitest and jest."""
