// When all of the page is there: a figure takes the width that its neighbours leave.
for (const [name, data, layout, config] of figures) Plotly.newPlot(name, data, layout, config);
