"""Results of the verbs and the files that they are written to."""
