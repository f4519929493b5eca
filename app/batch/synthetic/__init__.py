"""A synthetic year: bills of invented persons, drawn from published distributions."""
