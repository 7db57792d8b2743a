"""What proving criteria needs: copies, runners of tests, and knock-outs."""
