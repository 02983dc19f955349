"""The words of Digitmill as frozen types that know nothing else: jobs, rows, who may do what, and both as JSON."""
