"""What every door shares: callers, idempotency, problems, the wire, files, messages, metrics, logs, security."""
