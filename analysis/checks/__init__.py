"""The five verification checks, one file each; science alone: no store, no network."""
