"""The HTTP API and its pages, over Flask. It accepts uploads and answers from the job store; workers do the work."""
