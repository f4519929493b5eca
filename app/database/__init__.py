"""PostgreSQL: connections and transactions, the embedded server, the schema and its SQL."""
