"""The main path: one file for each verb. `sciencegen.<verb>` and the command line call these and nothing else."""
