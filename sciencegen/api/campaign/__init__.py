"""Design rounds with a lab: the journal, its measurements, candidates, and requests for plates."""
