"""How the models of Digitmill are made: ``python -m training train | evaluate | publish``."""
