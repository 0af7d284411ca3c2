"""The command line. Each file has one verb: it turns flags into settings, calls `sciencegen.api` and writes files."""
