"""Machines that callers name: which addresses are none of ours to call, and connections to the others."""
