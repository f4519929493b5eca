"""What everything may use, pure: money, days and instants, ids, errors, areas, names."""
