#!/usr/bin/env python3
"""Runs every test of the workspace, the ignored ones included, and prints what failed and the totals.

Meant to be run beside the local control plane (`plane.py with`), which the ignored tests need. It fails if a test fails, if one was
not run (a lane that silently does not run must not look like one that passes), or if there was no test at all. The last line is
`N passed, N failed`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

COMMAND = ["cargo", "test", "--workspace", "--locked", "--no-fail-fast", "--", "--include-ignored"]
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;")
# What a good run says a thousand times. Everything else is shown.
NOISE = re.compile(r"^(test .* \.\.\. ok|running \d+ tests?|\s+(Running|Doc-tests|Finished|Compiling|Blocking) .*|)$")


def shown_and_counted(lines) -> tuple:
    """Prints the lines that matter as they come; the sums of passed, failed and ignored tests."""
    totals = (0, 0, 0)
    for line in lines:
        result = RESULT.match(line)
        if result:
            totals = tuple(total + int(number) for total, number in zip(totals, result.groups()))
        elif not NOISE.match(line.rstrip("\n")):
            print(line, end="", flush=True)
    return totals


def main() -> int:
    """Runs the tests; 0 only if all of them ran and passed."""
    environment = {**os.environ, "CARGO_TERM_COLOR": "never"}
    run = subprocess.Popen(
        COMMAND, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with run:
        passed, failed, ignored = shown_and_counted(run.stdout)
    if ignored:
        print(f"{ignored} tests did not run")
    print(f"{passed} passed, {failed} failed")
    return 0 if run.returncode == 0 and passed and not failed and not ignored else 1


if __name__ == "__main__":
    sys.exit(main())
