"""The verbs, one file for each. `sciencegen.<verb>` and the command line call these functions only."""
