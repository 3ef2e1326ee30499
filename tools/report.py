"""The report of a measuring command, as bench/report.h writes it: figures with targets, as JSON and
as a table. For the tools in Python."""

import json
import os
import pathlib
import platform


class Figure:
    """One measured value. `target` says what it should be, if anything: "<= 20", ">= 95", "== 0"."""

    def __init__(self, name, value, unit, target=None):
        self.name, self.value, self.unit, self.target = name, value, unit, target

    def met(self):
        if self.target is None:
            return True
        relation, bound = self.target.split()
        bound = float(bound)
        return {"<=": self.value <= bound, ">=": self.value >= bound,
                "==": self.value == bound}[relation]


def _machine():
    cpu = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release()}


def write(path, figures):
    """Writes {"figures": [...], "machine": {...}} to `path`, making its folder."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "figures": [{"name": f.name, "value": f.value, "unit": f.unit, "target": f.target,
                     "met": f.met()} for f in figures],
        "machine": _machine(),
    }
    path.write_text(json.dumps(report, indent=1) + "\n")


def table(figures):
    """The figures as a table for a terminal."""
    width = max((len(f.name) for f in figures), default=0)
    lines = []
    for f in figures:
        value = f"{f.value:.0f}" if f.value == int(f.value) else f"{f.value:.4g}"
        verdict = ""
        if f.target is not None:
            verdict = f"   target {f.target}" + ("" if f.met() else "   MISSED")
        lines.append(f"  {f.name:<{width}} {value:>14} {f.unit}{verdict}")
    return "\n".join(lines)
