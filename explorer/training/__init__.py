"""A network as a torch module, and its training: recipe, job, checkpoint, devices, export, measured latency."""
