"""What a study says of its space as a whole: how errors are spread, which metaparameters count, what its front shares.

Values only; `explorer.plots` draws them and `explorer.reporting` puts them into words and tables.
"""
