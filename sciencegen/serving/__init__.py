"""The verbs for other programs: jobs in child processes, over HTTP and as tools of the Model Context Protocol."""
