// Before the figures are drawn: on a phone a tick a decade, one name, and room for the legend's single column.
if (innerWidth < 600)
  for (const [name, , layout] of figures)
    if (/^figure_(pareto|both$)/.test(name)) {
      const {tickvals, ticktext} = layout.xaxis, whole = ticktext.map(words => words[0] === '1');
      Object.assign(layout.xaxis, {tickvals: tickvals.filter((_, i) => whole[i]), tickangle: 0,
        ticktext: ticktext.filter((_, i) => whole[i])});
      layout.annotations = (layout.annotations || []).slice(0, 1).map(one =>
        ({...one, xanchor: 'right', xshift: -15, yshift: 0}));
      Object.assign(layout.margin, {b: 250, r: 8});
      layout.height = 650;
    }
