"""A network taught: architectures and recipes, what each epoch learns from, improvements of a finished one."""
