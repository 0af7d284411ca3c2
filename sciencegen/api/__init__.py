"""The verbs, and packages that they share. `sciencegen.<verb>` and the command line call these functions only."""
