"""The golden record's table of entries, how they run, and what of their files is compared."""
