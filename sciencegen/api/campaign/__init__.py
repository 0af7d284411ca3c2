"""Design rounds with a lab: the journal, its measurements, candidates, and what a plate is asked for."""
