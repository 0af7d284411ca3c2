"""What a search sees of a model, what it knows already, and the tables of what it found."""
