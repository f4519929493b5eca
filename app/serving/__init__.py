"""The processes of a running service: the parent, its workers, and one for each job."""
