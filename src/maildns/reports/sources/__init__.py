"""
Where reports come from: folders, Maildir, mbox, IMAP, SMTP and LMTP, HTTPS.

A source that is asked (folders and mailboxes) brings originals one by one, and is told what became
of each when that is safe on disk; `take_in` is the loop between it and who keeps. A source that is
called (mail and HTTPS) answers when its report is kept. None of them forgets an original before.

    for receipt in take_in(Maildir(Path("/srv/mail/reports")), store):
        ...
"""

from __future__ import annotations

from maildns.reports.sources.folder import DropFolder
from maildns.reports.sources.maildir import Maildir
from maildns.reports.sources.mbox import Mbox
from maildns.reports.sources.taking import Brought, Fate, Source, fate_of, take_in

__all__ = ["Brought", "DropFolder", "Fate", "Maildir", "Mbox", "Source", "fate_of", "take_in"]
