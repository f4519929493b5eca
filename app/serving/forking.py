"""Only the process that workers are forked from imports this: it doesn't hear when all of the service are told to end.

It is the one that says how its workers ended, and they first finish what they have begun. It ends by itself when the
service and they have ended.
"""

import signal

from app.serving.workers import ENDING

for _number in ENDING:
    signal.signal(_number, signal.SIG_IGN)
