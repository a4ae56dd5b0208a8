"""How the trials of a campaign are started: on this machine, or on a cluster."""
