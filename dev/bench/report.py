"""The measurements as a Markdown page."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from dev.bench.stopwatch import Sample


def _figures(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _row(what: str, samples: Sequence[Sample], base: float | None) -> str:
    times = [sample.seconds for sample in samples]
    cells = [
        what,
        f"{median(times):.1f} s",
        f"{median(times) / base:.2f}" if base else "",
        f"{median(sample.cpu for sample in samples):.1f} s",
        _figures(times),
        _figures([sample.load for sample in samples]),
    ]
    return f"| {' | '.join(cells)} |"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def render(samples: Mapping[str, Sequence[Sample]], facts: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        samples: `by hand`, `program` and `program again`, each in the order they were taken.
        facts: What was measured, such as versions: name and value.
    """
    hand = median(sample.seconds for sample in samples["by hand"])
    machine = f"{os.cpu_count()} cores ({_processor()}), {platform.system()}"
    listed = {"Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "Machine": machine, **facts}
    return "\n".join(
        [
            "# Against the same work by hand",
            "",
            "`make bench` takes three hosts from nothing to a healthy cluster, in two ways that alternate in one run.",
            "`by_hand.sh` works node by node over ssh; the program is `pulumi up --yes --skip-preview` on a new stack.",
            "Both start on new disks. Both times end when one check on the first host finds all members healthy.",
            "CPU is the operator's machine, without the hosts. Load is the one-minute average before each run.",
            "",
            *(f"- {name}: {value}" for name, value in listed.items()),
            "",
            "| | median | ratio | CPU, median | each run, s | load |",
            "|---|---|---|---|---|---|",
            _row("by hand, clean hosts", samples["by hand"], hand),
            _row("program, clean hosts", samples["program"], hand),
            _row("program, same again, no change", samples["program again"], None),
            "",
        ]
    )
