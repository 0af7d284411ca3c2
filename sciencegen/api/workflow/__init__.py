"""The Snakemake workflow: checks of its config before it runs, and its supervision as a child process."""
