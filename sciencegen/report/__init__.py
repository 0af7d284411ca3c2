"""Pages and plots from plain values, independent of the domain."""
