"""What operators are given, tried with the programs that they use."""
