"""
Print how many cases of suites that others wrote, and of the RFCs' own examples, are met.

    python tools/conformance.py

Each suite is a set of tests; a case is one of them. Ends with 1 when a case is not met. A
suite whose vectors are not beside the repository is said to be absent.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNIT = "tests/unit"

# What is printed, and the tests that are its cases: a file, or one test of it.
SUITES = {
    "SPF RFC 7208 suite": (
        f"{UNIT}/test_spf_vectors.py::test_every_published_case_ends_as_its_authors_say"
    ),
    "SPF RFC 7208 appendix A examples": f"{UNIT}/test_spf_rfc_examples.py",
    "DKIM RFC 6376 appendix A, verified": (
        f"{UNIT}/test_dkim_verify.py::test_the_example_of_rfc_6376_verifies"
    ),
    "DKIM RFC 8463 appendix A, verified": (
        f"{UNIT}/test_dkim_verify.py::test_both_signatures_of_rfc_8463_verify"
    ),
    "DKIM RFC 8463 appendix A, signed anew": (
        f"{UNIT}/test_dkim_verify.py::"
        "test_the_ed25519_signature_of_rfc_8463_is_reproduced_to_the_octet"
    ),
    "DMARC RFC 9989 appendix B and section 4.10": f"{UNIT}/test_dmarc_rfc9989.py",
}


@dataclass
class Tally:
    """A pytest plugin that counts the cases of one suite."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: str = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count *report*: a case is met when its call passes, not met when any phase fails."""
        if report.failed:
            self.failed.append(report.nodeid)
        elif report.skipped and isinstance(report.longrepr, tuple):
            self.skipped = report.longrepr[2].removeprefix("Skipped: ")
        elif report.when == "call" and report.passed:
            self.passed += 1


def tally(target: str) -> Tally:
    """Run the tests of *target*."""
    counted = Tally()
    options = [f"{ROOT / target}", "-q", "-p", "no:xdist"]
    with redirect_stdout(io.StringIO()):
        code = pytest.main([f"--rootdir={ROOT}", *options], plugins=[counted])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} and not counted.failed:
        counted.failed.append(f"{target} cannot be run")
    return counted


def line(name: str, counted: Tally) -> str:
    """
    What is printed of a suite.

    >>> line("A suite", Tally(passed=3)), line("Another", Tally(skipped="no vectors"))
    ('A suite: 3 of 3', 'Another: absent (no vectors)')
    """
    if counted.skipped and not counted.passed and not counted.failed:
        return f"{name}: absent ({counted.skipped})"
    return f"{name}: {counted.passed} of {counted.passed + len(counted.failed)}"


def main() -> int:
    """Print each suite; 1 when a case is not met."""
    failed: list[str] = []
    for name, target in SUITES.items():
        counted = tally(target)
        print(line(name, counted), flush=True)
        failed += counted.failed
    for case in failed:
        print(f"not met: {case}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
