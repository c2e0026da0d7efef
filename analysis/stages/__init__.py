"""One file per stage: the only rooms of this floor that open the store."""
