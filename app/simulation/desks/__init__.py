"""Random moves of the finance office and the hospitals, legal and illegal ones alike, each with the auditor's
verdict."""
