"""Many person-years readjudicated together, by two people."""
