"""A TLS report as a reporter posts it."""

from __future__ import annotations

import json

DAY = "2026-05-04"


def tls_report(report_id: str = "id-1", domain: str = "example.com", failed: int = 3) -> bytes:
    """The JSON of a report of one policy (RFC 8460 section 4.4)."""
    return json.dumps(
        {
            "organization-name": "reporter.example",
            "date-range": {
                "start-datetime": f"{DAY}T00:00:00Z",
                "end-datetime": f"{DAY}T23:59:59Z",
            },
            "contact-info": "tls@reporter.example",
            "report-id": report_id,
            "policies": [
                {
                    "policy": {"policy-type": "sts", "policy-domain": domain},
                    "summary": {
                        "total-successful-session-count": 10,
                        "total-failure-session-count": failed,
                    },
                }
            ],
        }
    ).encode()
