"""How long a network takes on a device: its operators in place, measured there, and what they say of other networks."""
