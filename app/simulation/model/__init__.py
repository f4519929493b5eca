"""What the clearing contract says, as plain objects: the auditor's own reading, without service, database or clock.

``books`` holds postings and their sums, ``state`` the objects, ``reasons`` why a move is refused. One module each
judges and does the moves of statements, deductions, orders, prepayments, releases, claims and closings; ``rates`` are
the payout figures.
"""
