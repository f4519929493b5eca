"""Lists as files: every list of the API as XLSX or CSV, at once or by a job. It reads what the lists read, and
decides nothing."""
