"""Commands that are killed at random moments and started again: no file may be half-written, no result another."""
