"""The command line: commands by topic turn flags into settings, call `sciencegen.api` and write files."""
