"""Figures of a study, one a file: `info(record)` says what is to be seen, `figure(info)` draws it with plotly."""
