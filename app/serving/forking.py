"""What the process does that workers are forked from; no other imports this.

It doesn't hear when all processes of the service are told to end: it is the one that says how its workers ended, and
they first finish what they have begun. It ends by itself when the service and they have ended. It checks the packs for
all of them; when these can't be used, each worker says so for itself.
"""

import signal
from contextlib import suppress

from app.basics.errors import PolicyError
from app.config import Settings
from app.policies import shipped_book
from app.serving.workers import ENDING

for _number in ENDING:
    signal.signal(_number, signal.SIG_IGN)
with suppress(PolicyError, OSError):
    shipped_book(Settings().policy_dir)
