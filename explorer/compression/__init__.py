"""Compressed networks: quantised weights as integers, their entropy coder, the file they are kept in."""
