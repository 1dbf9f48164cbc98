"""Explore the design space of small neural networks."""
