"""The SqueezeNet paper held against this program: what it prints, what is counted here, what was measured here."""
