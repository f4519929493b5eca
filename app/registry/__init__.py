"""The registry: hospitals, persons and their dated identities, the catalogue."""
