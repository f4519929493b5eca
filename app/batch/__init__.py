"""Many bills at once: files of bills computed person by person, and reforms simulated over them."""
