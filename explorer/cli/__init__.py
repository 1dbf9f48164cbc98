"""The command line: Hydra, options, progress, what a terminal shows."""
