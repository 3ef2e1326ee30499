#!/usr/bin/env python3
"""Draws what the scheduling modes of engine groups cost and how long input waits in them, against
load: from the report of `make bench-engines`, as an SVG. The same report gives the same file.

examples:
  tools/draw_engines.py                                     # build/reports/engines.json, docs/engines.svg
  tools/draw_engines.py --report other.json --out /tmp/x.svg
"""

import argparse
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Colours and grey that are clear of both white and near-black; shapes for who sees no colours.
MODES = {
    "dedicating": ("#d9730d", "s"),
    "spreading": ("#2f81f7", "o"),
    "compacting": ("#2da44e", "^"),
}
SERIES = ("p50_us", "p99_us", "cpu_percent")
GREY = "#848d97"
NAME = re.compile(r"load_(?P<mode>%s)_(?P<percent>\d+)_(?P<series>%s)"
                  % ("|".join(MODES), "|".join(SERIES)))


def read_series(report):
    """{mode: {series: [(percent, value), ...]}} of the report's figures, ascending. ValueError if a
    mode is missing, or one of its series at a load where another of them is."""
    found = {mode: {series: {} for series in SERIES} for mode in MODES}
    for figure in report["figures"]:
        match = NAME.fullmatch(figure["name"])
        if match:
            found[match["mode"]][match["series"]][int(match["percent"])] = float(figure["value"])
    for mode, by_series in found.items():
        loads = set().union(*by_series.values())
        if not loads:
            raise ValueError(f"no figure is named load_{mode}_<percent>_p99_us")
        for series, values in by_series.items():
            for load in sorted(loads - values.keys()):
                raise ValueError(f"there is no figure load_{mode}_{load}_{series}")
    return {mode: {series: sorted(values.items()) for series, values in by_series.items()}
            for mode, by_series in found.items()}


def draw(series, machine, out):
    """Writes the SVG of what read_series returned to `out`; `machine` is the report's."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({
        "svg.hashsalt": "farrier",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],  # the first comes with matplotlib
        "font.size": 10,
        "text.color": GREY,
        "axes.labelcolor": GREY,
        "axes.edgecolor": GREY,
        "axes.titlecolor": GREY,
        "axes.titlesize": 11,
        "xtick.color": GREY,
        "ytick.color": GREY,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": GREY,
        "grid.alpha": 0.25,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.markersize": 5,
    })
    from matplotlib import pyplot, ticker

    figure, (delay, cpu) = pyplot.subplots(1, 2, figsize=(9.5, 4.2))
    for mode, (colour, marker) in MODES.items():
        style = {"color": colour, "marker": marker}
        delay.plot(*zip(*series[mode]["p99_us"]), **style)
        delay.plot(*zip(*series[mode]["p50_us"]), linestyle=(0, (4, 2)), alpha=0.7, **style)
        cpu.plot(*zip(*series[mode]["cpu_percent"]), label=mode, **style)
    delay.set_title("Queueing delay (µs)", loc="left")
    delay.set_yscale("log")
    delay.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    delay.plot([], [], color=GREY, label="p99")
    delay.plot([], [], color=GREY, linestyle=(0, (4, 2)), alpha=0.7, label="p50")
    delay.legend(loc="best")
    cpu.set_title("CPU used (% of one core)", loc="left")
    cpu.set_ylim(bottom=0)
    most = max(load for load, _ in series["dedicating"]["cpu_percent"])
    cpu.plot([0, most], [0, most], color=GREY, linewidth=1, linestyle=":", label="the load itself")
    for axes in (delay, cpu):
        axes.set_xlabel("Offered load (% of one core)")
        axes.set_xlim(left=0)
        axes.grid(True)
        axes.set_axisbelow(True)
    figure.legend(*cpu.get_legend_handles_labels(), loc="upper center", ncol=len(MODES) + 1)
    figure.text(0.995, 0.01, f"{machine['cpu']}, {machine['cores']:g} cores, Linux {machine['kernel']}",
                ha="right", fontsize=7.5)
    figure.tight_layout(rect=(0, 0.03, 1, 0.92))
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, format="svg", transparent=True,
                   metadata={"Date": None, "Creator": None,
                             "Title": "Queueing delay and CPU against load, by scheduling mode"})
    pyplot.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=pathlib.Path, default=ROOT / "build/reports/engines.json",
                        help="what `make bench-engines` wrote (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/engines.svg",
                        help="the SVG (default: %(default)s)")
    args = parser.parse_args()
    try:
        report = json.loads(args.report.read_text())
        series, machine = read_series(report), report["machine"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"draw_engines.py: {args.report}: {error}\n  make bench-engines   # writes it anew")
    try:
        draw(series, machine, args.out)
    except ImportError as error:
        sys.exit(f"draw_engines.py: {error}\n  apt-get install python3-matplotlib")


if __name__ == "__main__":
    main()
